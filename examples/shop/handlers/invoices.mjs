// Queue "invoices": one file per order. Writing it again writes the same file, so a repeated attempt does no harm.
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'

export const options = { concurrency: 4 }

export const handler = async ({ payload }) => {
  const file = join(process.env.SHOP_INVOICES, `${payload.orderId}.txt`)
  await writeFile(
    file,
    `Order ${payload.orderId}\nTotal ${payload.total.toFixed(2)}\nReceipt ${payload.receipt}\n`,
  )
  return { file }
}
