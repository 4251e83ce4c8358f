// A key and a certificate that it signed itself, for `localhost` and 127.0.0.1, valid until 2126. Made for these tests, known to
// everybody, and trusted by nobody but the test that hands it to its client.

export const TEST_KEY = [
  '-----BEGIN PRIVATE KEY-----',
  'MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgPuVSgDx8wCICN13r',
  'wW3y6K4A6DJQn8Pc+V17/9lQspOhRANCAASVi/GdnRu+9B+/OgMeMuYRPD+wBoG8',
  'WncT/3WmmrhlzsyOla7zuLHH21+qGTD3WJT5heg0Tzq53C3e8+I/6ZvI',
  '-----END PRIVATE KEY-----',
].join('\n')

export const TEST_CERTIFICATE = [
  '-----BEGIN CERTIFICATE-----',
  'MIIBmzCCAUGgAwIBAgIUDHYHQMskH2HDuZnb7yvz2EJ2NcIwCgYIKoZIzj0EAwIw',
  'FDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTI2MTEyMjA5MDE1OFoYDzIxMjYxMDI5',
  'MDkwMTU4WjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjO',
  'PQMBBwNCAASVi/GdnRu+9B+/OgMeMuYRPD+wBoG8WncT/3WmmrhlzsyOla7zuLHH',
  '21+qGTD3WJT5heg0Tzq53C3e8+I/6ZvIo28wbTAdBgNVHQ4EFgQU863sO5rf79O/',
  '5TnaaiOctYcD2UgwHwYDVR0jBBgwFoAU863sO5rf79O/5TnaaiOctYcD2UgwDwYD',
  'VR0TAQH/BAUwAwEB/zAaBgNVHREEEzARgglsb2NhbGhvc3SHBH8AAAEwCgYIKoZI',
  'zj0EAwIDSAAwRQIhAKtbb50z/JN8b2ZC2Ec5yEacyJ+czOkMApNz1rREfg+KAiAh',
  '3KBN/q0iHSbqny8tWVI43JkP5iUuFHqN57CXONStVg==',
  '-----END CERTIFICATE-----',
].join('\n')
