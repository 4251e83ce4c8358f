// Apache Kafka itself, from Maven Central's jars through the machine's own Maven, kept outside the repository: what a real broker
// in tests needs. Java and Maven are installed from Debian's packages where they are missing and we may.
import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

/** The last line that speaks all versions of the protocol. */
export const KAFKA_VERSION = '3.9.2'
const SLF4J_VERSION = '1.7.36'
const OUTPUT_BYTES_MAX = 16 * 1_048_576

const run = promisify(execFile)

const cacheFolder = (): string => process.env.LEDGERQ_CACHE ?? join(homedir(), '.cache', 'ledgerq')

const pom = (version: string): string => `<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>ledgerq</groupId><artifactId>broker</artifactId><version>1</version><packaging>pom</packaging>
  <dependencies>
    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>${version}</version></dependency>
    <dependency><groupId>org.slf4j</groupId><artifactId>slf4j-simple</artifactId><version>${SLF4J_VERSION}</version></dependency>
  </dependencies>
</project>
`

const isThere = async (program: string): Promise<boolean> => {
  try {
    await run(program, ['-version'])
    return true
  } catch {
    return false
  }
}

const ensureProgram = async (program: string, debianPackage: string): Promise<void> => {
  if (await isThere(program)) return
  try {
    await run('apt-get', ['update'])
    await run('apt-get', ['install', '-y', '--no-install-recommends', debianPackage])
  } catch (error) {
    throw new Error(`a real Kafka broker needs ${program} (Debian: ${debianPackage}): ${String(error)}`)
  }
}

/** The class path of that version; downloaded once. */
export const kafkaJars = async (version = KAFKA_VERSION): Promise<string> => {
  const folder = join(cacheFolder(), `kafka-${version}`)
  await ensureProgram('java', 'default-jre-headless')
  if (!existsSync(folder)) {
    await ensureProgram('mvn', 'maven')
    mkdirSync(cacheFolder(), { recursive: true })
    const work = mkdtempSync(join(cacheFolder(), 'download-'))
    try {
      writeFileSync(join(work, 'pom.xml'), pom(version))
      const copy = [
        '-B',
        '-q',
        'dependency:copy-dependencies',
        '-DoutputDirectory=lib',
        '-DincludeScope=runtime',
      ]
      await run('mvn', copy, { cwd: work, maxBuffer: OUTPUT_BYTES_MAX })
      // Two at once: whoever is second finds it there.
      if (!existsSync(folder)) renameSync(join(work, 'lib'), folder)
    } finally {
      rmSync(work, { recursive: true, force: true })
    }
  }
  return join(folder, '*')
}
