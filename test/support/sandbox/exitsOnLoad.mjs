// A module that ends whoever loads it.
process.exit(3)
