// Reads vitest's JSON report (first argument) and prints `passed failed skipped` as three numbers on the
// last line, after the names of skipped and failed tests. A file that failed to load counts as one failure.
import { readFileSync } from 'node:fs'

const [reportPath] = process.argv.slice(2)
const report = JSON.parse(readFileSync(reportPath, 'utf8'))
const counts = { passed: 0, failed: 0, skipped: 0 }

for (const file of report.testResults) {
  for (const test of file.assertionResults) {
    const outcome = test.status === 'passed' || test.status === 'failed' ? test.status : 'skipped'
    counts[outcome] += 1
    if (outcome !== 'passed') console.log(`${outcome}: ${test.fullName}`)
  }
  const failedTests = file.assertionResults.some((test) => test.status === 'failed')
  if (file.status === 'failed' && !failedTests) {
    counts.failed += 1
    console.log(`failed: ${file.name}: ${file.message}`)
  }
}

// An error outside of any test (an unhandled rejection) fails the run without failing a test.
if (!report.success && counts.failed === 0) {
  counts.failed = 1
  console.log('failed: an error outside of any test; see the output above')
}
console.log(`${counts.passed} ${counts.failed} ${counts.skipped}`)
