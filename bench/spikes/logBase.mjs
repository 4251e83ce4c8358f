// Spike for docs/adr/0002: where do the frames of the embedded log live? One frame = one group commit of many events, on disk before the answer.
// Run: SPIKE_MODULES=<folder with lmdb and libsql installed> SPIKE_DIR=<folder on a real disk> node logBase.mjs [costs]; DISK names the device in /proc/diskstats.
// Measured 2026-11-22, 2 vCPU AMD EPYC VM, ext4 on virtio disk, Linux 6.18, Node 20.20.2, lmdb 3.5.6, libsql 0.5.29 (SQLite 3.45.1).
// Runs of 3 s, variants interleaved; median (min-max) of 3. cpu: all threads. allocated/frame of prealloc rows is 1 by construction.
// sealFirst: two cohorts take turns, one frame syncs while the next is encoded; settleFirst: every frame holds all callers.
// Wide ranges are stalls of the disk. A later run while other work loaded the machine is left out of the table: 100 callers settleFirst gave
// prealloc 88k (40-165k), preallocFill 101k (71-134k), sqlite 97k (43-113k): under contention for the disk the bases are about equal.
// Alone, 64 KiB pwrite + fdatasync, p50 / p99 ms: growing 0.234 / 1.655, preallocated 0.128 / 0.222, preallocated O_DSYNC 0.119 / 0.186.
// Worker hop and back, p50 us: message with transferred buffer 69, SharedArrayBuffer + Atomics there and message back 64 (25 and 14 on a busy machine).
// variant callers policy | events/s | p50 ms | p99 ms | events per frame | main us/event | cpu us/event | frame B/event | allocated/frame | device B/event
// prealloc 1 sealFirst | 4436 (4251-5376) | 0.20 (0.17-0.21) | 0.51 (0.35-0.68) | 1 (1-1) | 37.13 (31.60-40.78) | 129.23 (105.82-142.85) | 330 (330-330) | 1.00 (1.00-1.00) | 4658 (4615-4665)
// preallocFill 1 sealFirst | 4724 (4150-5383) | 0.19 (0.18-0.20) | 0.38 (0.37-1.50) | 1 (1-1) | 31.82 (28.76-39.79) | 117.94 (108.89-124.85) | 330 (330-330) | 1.00 (1.00-1.00) | 4641 (4625-4672)
// preallocDsync 1 sealFirst | 5136 (4946-5580) | 0.18 (0.17-0.19) | 0.36 (0.33-0.40) | 1 (1-1) | 29.50 (29.11-35.13) | 110.24 (103.77-118.41) | 330 (330-330) | 1.00 (1.00-1.00) | 4625 (4608-4631)
// growing 1 sealFirst | 3538 (3460-3649) | 0.27 (0.23-0.27) | 0.52 (0.47-2.08) | 1 (1-1) | 45.44 (45.39-46.80) | 157.85 (130.71-159.51) | 329 (329-329) | 1.00 (1.00-1.00) | 8524 (8521-8524)
// lmdbWorker 1 sealFirst | 2544 (2462-2619) | 0.36 (0.33-0.37) | 0.69 (0.67-2.64) | 1 (1-1) | 48.42 (44.18-48.71) | 206.45 (189.62-220.73) | 329 (329-329) | 1.27 (1.27-1.27) | 20714 (20681-20819)
// lmdbNative 1 sealFirst | 2233 (2061-2234) | 0.43 (0.40-0.44) | 1.02 (0.81-1.10) | 1 (1-1) | 77.70 (74.33-82.49) | 269.05 (240.21-276.07) | 329 (329-329) | 1.27 (1.27-1.27) | 24685 (24539-25130)
// sqlite 1 sealFirst | 3760 (3729-4150) | 0.23 (0.23-0.24) | 0.71 (0.44-1.22) | 1 (1-1) | 36.53 (27.90-41.80) | 149.80 (147.85-161.11) | 329 (329-330) | 2.00 (1.93-2.01) | 9600 (9555-9626)
// sqlite16k 1 sealFirst | 3797 (3522-4415) | 0.23 (0.21-0.25) | 0.74 (0.41-1.25) | 1 (1-1) | 38.86 (28.99-40.28) | 157.21 (137.51-164.52) | 329 (329-330) | 5.15 (4.45-5.18) | 21903 (21784-21959)
// prealloc 100 sealFirst | 206410 (164870-206622) | 0.45 (0.45-0.58) | 0.94 (0.82-1.20) | 50 (50-50) | 2.57 (2.54-2.65) | 4.96 (4.91-5.71) | 300 (300-300) | 1.00 (1.00-1.00) | 388 (387-388)
// preallocFill 100 sealFirst | 168568 (101702-172166) | 0.52 (0.48-0.53) | 2.44 (1.56-9.40) | 50 (50-50) | 2.91 (2.79-4.81) | 5.78 (4.98-5.94) | 300 (300-300) | 1.00 (1.00-1.00) | 649 (613-655)
// preallocDsync 100 sealFirst | 168710 (56779-193583) | 0.55 (0.47-0.77) | 2.22 (1.34-13.61) | 50 (50-50) | 2.68 (2.67-9.57) | 4.95 (4.92-5.39) | 300 (300-300) | 1.00 (1.00-1.00) | 388 (387-396)
// growing 100 sealFirst | 117397 (68110-139012) | 0.69 (0.62-0.71) | 5.66 (1.75-11.96) | 50 (50-50) | 3.52 (2.75-5.27) | 5.83 (5.53-6.48) | 300 (300-300) | 1.00 (1.00-1.00) | 464 (464-506)
// lmdbWorker 100 sealFirst | 82998 (81604-97184) | 1.10 (0.94-1.17) | 2.37 (1.80-3.50) | 50 (50-50) | 2.96 (2.96-3.82) | 8.04 (7.97-8.67) | 300 (300-300) | 1.10 (1.10-1.10) | 744 (743-747)
// lmdbNative 100 sealFirst | 68965 (57302-80317) | 1.40 (1.18-1.50) | 3.07 (2.23-5.65) | 50 (50-50) | 4.48 (3.88-5.20) | 9.17 (8.05-9.85) | 300 (300-300) | 1.10 (1.10-1.10) | 827 (826-828)
// sqlite 100 sealFirst | 137180 (137128-160158) | 0.60 (0.53-0.60) | 6.20 (5.84-6.94) | 50 (50-50) | 2.86 (2.18-2.90) | 6.72 (5.71-6.94) | 300 (300-300) | 1.11 (1.11-1.11) | 921 (918-921)
// sqlite16k 100 sealFirst | 138979 (127237-144395) | 0.65 (0.62-0.69) | 2.50 (2.25-3.29) | 50 (50-50) | 2.79 (2.68-2.94) | 6.72 (6.53-6.93) | 300 (300-300) | 1.19 (1.17-1.20) | 1408 (1408-1411)
// prealloc 100 settleFirst | 193868 (133898-224076) | 0.49 (0.41-0.54) | 1.10 (1.04-4.32) | 100 (100-100) | 2.30 (2.00-3.21) | 3.99 (3.37-4.40) | 300 (300-300) | 1.00 (1.00-1.00) | 347 (346-349)
// preallocFill 100 settleFirst | 187951 (152690-189397) | 0.49 (0.48-0.49) | 1.40 (1.36-4.06) | 100 (100-100) | 2.49 (2.39-2.79) | 4.35 (4.34-4.48) | 300 (300-300) | 1.00 (1.00-1.00) | 642 (583-941)
// preallocDsync 100 settleFirst | 185633 (166350-199289) | 0.48 (0.46-0.51) | 1.09 (0.96-3.43) | 100 (100-100) | 2.48 (2.30-2.80) | 3.94 (3.79-4.20) | 300 (300-300) | 1.00 (1.00-1.00) | 346 (346-348)
// growing 100 settleFirst | 152846 (140875-160307) | 0.62 (0.56-0.68) | 1.54 (1.42-2.65) | 100 (100-100) | 2.60 (2.43-2.74) | 4.73 (4.19-4.85) | 300 (300-300) | 1.00 (1.00-1.00) | 382 (382-387)
// lmdbWorker 100 settleFirst | 110814 (109981-111987) | 0.85 (0.83-0.86) | 2.32 (2.05-2.39) | 100 (100-100) | 2.70 (2.68-2.85) | 6.02 (5.92-6.12) | 300 (300-300) | 1.10 (1.10-1.10) | 537 (536-744)
// lmdbNative 100 settleFirst | 112960 (79989-123292) | 0.83 (0.77-0.87) | 2.22 (2.11-7.52) | 100 (100-100) | 3.33 (3.00-4.09) | 5.91 (5.31-6.05) | 300 (299-300) | 1.10 (1.10-1.10) | 580 (577-583)
// sqlite 100 settleFirst | 137463 (109016-146202) | 0.59 (0.57-0.60) | 5.20 (4.28-8.11) | 100 (100-100) | 2.69 (2.60-3.33) | 5.50 (5.32-5.84) | 300 (300-300) | 1.04 (1.04-1.05) | 748 (744-750)
// sqlite16k 100 settleFirst | 135920 (126899-152044) | 0.63 (0.53-0.66) | 2.97 (2.50-3.41) | 100 (100-100) | 2.92 (2.63-3.00) | 5.51 (4.77-5.95) | 300 (300-300) | 1.18 (1.17-1.21) | 1030 (1028-1052)
// prealloc 1000 sealFirst | 466309 (412758-483198) | 2.18 (2.11-2.38) | 3.59 (3.53-5.55) | 500 (500-500) | 2.11 (2.04-2.30) | 2.51 (2.43-2.80) | 302 (302-302) | 1.00 (1.00-1.00) | 312 (312-312)
// preallocFill 1000 sealFirst | 339717 (296049-410469) | 2.31 (2.09-2.54) | 10.19 (9.56-15.71) | 500 (500-500) | 2.42 (2.04-2.67) | 3.19 (3.09-3.69) | 301 (301-301) | 1.00 (1.00-1.00) | 636 (630-639)
// preallocDsync 1000 sealFirst | 395538 (356538-496218) | 2.32 (2.09-2.50) | 6.95 (3.64-8.00) | 500 (500-500) | 2.33 (1.99-2.59) | 2.76 (2.40-2.79) | 301 (301-302) | 1.00 (1.00-1.00) | 314 (312-362)
// growing 1000 sealFirst | 341044 (222029-425517) | 2.76 (2.21-3.78) | 6.40 (4.43-16.59) | 500 (500-500) | 2.36 (2.30-3.44) | 2.83 (2.79-2.97) | 301 (301-302) | 1.00 (1.00-1.00) | 318 (317-361)
// lmdbWorker 1000 sealFirst | 280590 (226339-476242) | 3.37 (2.09-3.84) | 7.43 (3.98-13.77) | 500 (500-500) | 2.78 (2.05-3.56) | 3.27 (2.77-3.44) | 301 (301-302) | 1.01 (1.01-1.01) | 352 (346-424)
// lmdbNative 1000 sealFirst | 237617 (107343-269537) | 4.07 (3.74-5.58) | 8.20 (6.03-34.99) | 500 (500-500) | 2.55 (2.35-4.70) | 3.39 (3.09-3.62) | 301 (300-301) | 1.01 (1.01-1.01) | 353 (353-469)
// sqlite 1000 sealFirst | 307710 (285119-353429) | 2.44 (2.16-2.55) | 12.58 (12.34-14.75) | 500 (500-500) | 2.38 (2.17-2.46) | 3.48 (3.45-3.84) | 301 (301-301) | 1.02 (1.02-1.02) | 638 (637-712)
// sqlite16k 1000 sealFirst | 348578 (336425-405348) | 2.26 (2.04-2.27) | 19.49 (19.36-21.94) | 500 (500-500) | 2.28 (1.98-2.37) | 3.22 (2.90-3.42) | 301 (301-301) | 1.04 (1.02-1.04) | 714 (686-752)
// prealloc 1000 settleFirst | 333505 (289955-341506) | 2.84 (2.72-2.94) | 6.07 (5.14-12.27) | 1000 (1000-1000) | 2.34 (2.25-2.46) | 2.61 (2.41-2.77) | 301 (301-301) | 1.00 (1.00-1.00) | 308 (308-308)
// preallocFill 1000 settleFirst | 316387 (266673-335346) | 2.87 (2.81-3.07) | 8.72 (7.21-14.60) | 1000 (1000-1000) | 2.40 (2.25-2.77) | 3.34 (3.25-3.37) | 301 (301-301) | 1.00 (1.00-1.00) | 592 (561-611)
// preallocDsync 1000 settleFirst | 327285 (301854-353037) | 2.90 (2.69-3.23) | 4.97 (4.22-5.97) | 1000 (1000-1000) | 2.44 (2.22-2.59) | 2.83 (2.62-3.06) | 301 (301-301) | 1.00 (1.00-1.00) | 308 (308-308)
// growing 1000 settleFirst | 320689 (305687-327200) | 3.08 (2.97-3.16) | 5.34 (4.86-5.35) | 1000 (1000-1000) | 2.37 (2.25-2.40) | 2.83 (2.75-2.90) | 301 (301-301) | 1.00 (1.00-1.00) | 309 (309-309)
// lmdbWorker 1000 settleFirst | 315550 (280634-321985) | 3.18 (3.18-3.49) | 5.15 (4.68-7.42) | 1000 (1000-1000) | 2.26 (2.04-2.34) | 2.79 (2.66-2.97) | 301 (301-301) | 1.01 (1.01-1.01) | 324 (324-324)
// lmdbNative 1000 settleFirst | 307451 (260494-344655) | 3.23 (2.92-3.72) | 5.87 (4.67-6.83) | 1000 (1000-1000) | 2.34 (2.07-2.83) | 2.87 (2.51-3.32) | 301 (301-301) | 1.01 (1.01-1.01) | 328 (328-329)
// sqlite 1000 settleFirst | 208840 (208793-249315) | 3.74 (3.36-4.00) | 16.15 (14.45-17.92) | 1000 (1000-1000) | 2.64 (2.18-2.69) | 3.76 (3.48-4.16) | 301 (301-301) | 1.01 (1.01-1.02) | 623 (616-624)
// sqlite16k 1000 settleFirst | 270282 (185700-275916) | 3.21 (3.16-3.86) | 22.65 (21.90-25.00) | 1000 (1000-1000) | 2.32 (2.27-3.22) | 3.22 (3.18-3.44) | 301 (301-301) | 1.06 (1.05-1.07) | 641 (638-650)

import { fork } from 'node:child_process'
import fs from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { performance } from 'node:perf_hooks'
import { setImmediate as turn } from 'node:timers/promises'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import zlib from 'node:zlib'

const root = process.env.SPIKE_DIR ?? join(process.cwd(), 'spike-data')
const require = createRequire(join(process.env.SPIKE_MODULES ?? process.cwd(), 'noop.js'))
const RUN_MS = Number(process.env.RUN_MS ?? 3000)
const RUNS = Number(process.env.RUNS ?? 3)
const CALLERS = (process.env.CALLERS ?? '1,100,1000').split(',').map(Number)
const SEGMENT_BYTES = 64 * 1024 * 1024
const FRAME_BYTES_MAX = 1024 * 1024
const HEADER_BYTES = 32
const { O_RDWR, O_CREAT, O_DSYNC } = fs.constants

const zeroFill = (path) => {
  const fd = fs.openSync(path, O_RDWR | O_CREAT)
  const zeros = Buffer.alloc(1 << 20)
  for (let at = 0; at < SEGMENT_BYTES; at += zeros.length) {
    fs.writeSync(fd, zeros, 0, zeros.length, at)
    fs.fdatasyncSync(fd) // Small steps, so that the filler does not hold up the commits of its neighbour for long.
  }
  fs.fsyncSync(fd)
  fs.closeSync(fd)
}
const segmentPath = (dir, n) => join(dir, `${String(n).padStart(6, '0')}.seg`)

/** Every base writes one frame and returns once it is on disk. `body` starts with room for the header. */
const bases = {
  file: ({ dir, prepared, filler, dsync }) => {
    let n = -1,
      fd = -1,
      at = 0
    const next = () => {
      if (fd >= 0) fs.closeSync(fd)
      n += 1
      fd = fs.openSync(segmentPath(dir, n), O_RDWR | O_CREAT | (dsync ? O_DSYNC : 0))
      at = 0
      filler?.postMessage(n + 2)
      if (!prepared) {
        const d = fs.openSync(dir, 'r')
        fs.fsyncSync(d)
        fs.closeSync(d)
      }
    }
    next()
    return (body) => {
      if (at + body.length > SEGMENT_BYTES) next()
      fs.writeSync(fd, body, 0, body.length, at)
      if (!dsync) fs.fdatasyncSync(fd)
      at += body.length
    }
  },
  lmdb: ({ dir }) => {
    const { open } = require('lmdb')
    const db = open({
      path: dir,
      encoding: 'binary',
      keyEncoding: 'uint32',
      overlappingSync: false,
      compression: false,
    })
    let n = 0
    return (body) => db.putSync(n++, body) // With overlappingSync off the commit itself syncs.
  },
  sqlite: ({ dir, pageBytes }) => {
    const Database = require('libsql')
    const db = new Database(join(dir, 'log.db'))
    for (const p of [
      `page_size=${pageBytes ?? 4096}`,
      'locking_mode=EXCLUSIVE',
      'journal_mode=WAL',
      'synchronous=FULL',
    ])
      db.exec(`PRAGMA ${p}`)
    db.exec('CREATE TABLE frames (n INTEGER PRIMARY KEY, body BLOB NOT NULL)')
    const insert = db.prepare('INSERT INTO frames VALUES (?, ?)')
    let n = 0
    return (body) => insert.run(n++, body)
  },
}

// The variants measured. `prepared`: zero-filled and synced segments wait; `fill`: a further thread makes the next one meanwhile.
const variants = {
  prealloc: { base: 'file', prepared: true },
  preallocFill: { base: 'file', prepared: true, fill: true },
  preallocDsync: { base: 'file', prepared: true, dsync: true },
  preallocSab: { base: 'file', prepared: true, sab: true },
  growing: { base: 'file' },
  lmdbWorker: { base: 'lmdb' },
  lmdbNative: { base: 'lmdb', native: true },
  sqlite: { base: 'sqlite' },
  sqlite16k: { base: 'sqlite', pageBytes: 16384 },
}

const seal = (frame, index, count) => {
  frame.writeUInt32LE(frame.length, 0)
  frame.writeUInt32LE(count, 4)
  frame.writeDoubleLE(index, 8)
  frame.writeUInt32LE(zlib.crc32(frame.subarray(HEADER_BYTES)), 28)
}

function runWorker() {
  const { role, variant, dir, shared } = workerData
  if (role === 'filler') {
    parentPort.on('message', (n) => {
      if (!fs.existsSync(segmentPath(dir, n))) {
        zeroFill(`${segmentPath(dir, n)}.tmp`)
        fs.renameSync(`${segmentPath(dir, n)}.tmp`, segmentPath(dir, n))
      }
    })
    return
  }
  if (role === 'echo') {
    if (shared === undefined) {
      parentPort.on('message', ({ buffer }) => parentPort.postMessage({ buffer }, [buffer]))
      return
    }
    const flag = new Int32Array(shared)
    for (let seen = 0; ; ) {
      Atomics.wait(flag, 0, seen)
      seen = Atomics.load(flag, 0)
      if (seen < 0) return
      parentPort.postMessage(seen)
    }
  }
  const options = variants[variant]
  const filler = options.fill
    ? new Worker(new URL(import.meta.url), { workerData: { role: 'filler', dir } })
    : undefined
  const write = bases[options.base]({ dir, filler, ...options })
  let index = 0
  const commit = (frame, count) => {
    seal(frame, index++, count)
    write(frame)
  }
  parentPort.postMessage('ready')
  if (options.sab) {
    const flag = new Int32Array(shared.flag)
    for (let seen = 0; ; ) {
      Atomics.wait(flag, 0, seen)
      seen = Atomics.load(flag, 0)
      const slot = flag[1]
      commit(Buffer.from(shared.slots[slot], 0, flag[2]), flag[3])
      parentPort.postMessage({ slot })
    }
  }
  parentPort.on('message', ({ buffer, bytes, count }) => {
    commit(Buffer.from(buffer, 0, bytes), count)
    parentPort.postMessage({ buffer }, [buffer])
  })
}

/** Main thread's side: callers' events are encoded into the open frame at once; one frame is in flight. */
async function openLog(variant, dir, policy) {
  const options = variants[variant]
  const slots = [0, 1].map(() =>
    options.sab ? new SharedArrayBuffer(FRAME_BYTES_MAX) : new ArrayBuffer(FRAME_BYTES_MAX),
  )
  const shared = options.sab ? { slots, flag: new SharedArrayBuffer(16) } : undefined
  const free = slots.map((buffer, slot) => ({ buffer, slot }))
  let open = free.pop(),
    view = Buffer.from(open.buffer),
    used = HEADER_BYTES
  let waiting = [],
    flying,
    frames = 0,
    bytesLogged = 0,
    scheduled = false,
    send
  const done = (returned) => {
    free.push(returned)
    const answered = flying
    flying = undefined
    if (policy === 'sealFirst' && waiting.length > 0) flush()
    for (const resolve of answered) resolve()
    if (waiting.length > 0) schedule()
  }
  const flush = () => {
    scheduled = false
    if (flying !== undefined || waiting.length === 0) return
    flying = waiting
    waiting = []
    frames += 1
    bytesLogged += used
    const out = open,
      bytes = used
    open = free.pop()
    view = Buffer.from(open.buffer)
    used = HEADER_BYTES
    send(out, bytes, flying.length)
  }
  const schedule = () => {
    if (!scheduled && flying === undefined) {
      scheduled = true
      setImmediate(flush)
    }
  }
  if (options.native) {
    const { open: openEnv } = require('lmdb')
    const db = openEnv({ path: dir, encoding: 'binary', keyEncoding: 'uint32', compression: false })
    send = (out, bytes, count) => {
      const frame = Buffer.from(out.buffer, 0, bytes)
      seal(frame, frames, count)
      db.put(frames, frame)
      db.flushed.then(() => done(out))
    }
  } else {
    const worker = new Worker(new URL(import.meta.url), { workerData: { role: 'log', variant, dir, shared } })
    await new Promise((resolve) => worker.once('message', resolve))
    worker.on('message', (m) =>
      done(options.sab ? { buffer: slots[m.slot], slot: m.slot } : { buffer: m.buffer }),
    )
    const flag = options.sab ? new Int32Array(shared.flag) : undefined
    send = options.sab
      ? (out, bytes, count) => {
          flag[1] = out.slot
          flag[2] = bytes
          flag[3] = count
          Atomics.add(flag, 0, 1)
          Atomics.notify(flag, 0)
        }
      : (out, bytes, count) => worker.postMessage({ buffer: out.buffer, bytes, count }, [out.buffer])
  }
  const append = (event) => {
    const size = view.write(JSON.stringify(event), used + 4, 'utf8')
    view.writeUInt32LE(size, used)
    used += 4 + size
    const answer = new Promise((resolve) => waiting.push(resolve))
    schedule()
    return answer
  }
  return { append, totals: () => ({ frames, bytesLogged }) }
}

const deviceSectors = () =>
  fs
    .readFileSync('/proc/diskstats', 'utf8')
    .trim()
    .split('\n')
    .map((l) => l.trim().split(/\s+/))
    .filter((f) => f[2] === (process.env.DISK ?? 'vda'))
    .reduce((n, f) => n + Number(f[9]), 0)
const allocated = (dir) => fs.readdirSync(dir).reduce((n, f) => n + fs.statSync(join(dir, f)).blocks * 512, 0)
const quantile = (sorted, q) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))]

async function measure(variant, callers, policy) {
  const dir = join(root, `${variant}-${process.pid}`)
  fs.mkdirSync(dir, { recursive: true })
  const { prepared, fill } = variants[variant]
  if (prepared) for (let n = 0; n < (fill ? 2 : 7); n++) zeroFill(segmentPath(dir, n))
  const log = await openLog(variant, dir, policy)
  const latencies = new Float64Array(4_000_000)
  const payload = 'x'.repeat(120)
  let events = 0,
    sampled = 0,
    measuring = false,
    stopped = false
  const caller = async (name) => {
    for (let turnNo = 0; !stopped; turnNo++) {
      const began = performance.now()
      await log.append({
        type: 'MessageEnqueued',
        version: 1,
        id: `orders-0-${name}-${turnNo}`,
        messageId: `m-${name}-${turnNo}`,
        at: 1_790_000_000_000 + turnNo,
        priority: 'normal',
        attemptsMax: 5,
        group: `customer-${name}`,
        payload,
      })
      if (measuring) {
        events++
        latencies[sampled++] = performance.now() - began
      }
    }
  }
  // sealFirst keeps two cohorts, one encoding while the other's frame is synced; settleFirst puts everybody in each frame.
  const all = []
  for (let name = 0; name < callers; name++) {
    if (policy === 'sealFirst' && callers > 1 && name === callers >> 1)
      while (log.totals().frames === 0) await turn()
    all.push(caller(name))
  }
  await new Promise((r) => setTimeout(r, 500))
  const sectors = deviceSectors(),
    before = log.totals(),
    cpu = process.cpuUsage(),
    elu = performance.eventLoopUtilization(),
    t0 = performance.now()
  measuring = true
  await new Promise((r) => setTimeout(r, RUN_MS))
  measuring = false
  const ms = performance.now() - t0,
    loop = performance.eventLoopUtilization(elu),
    used = process.cpuUsage(cpu),
    after = log.totals()
  const written = (deviceSectors() - sectors) * 512
  stopped = true
  await Promise.all(all)
  const total = log.totals()
  const sorted = latencies.subarray(0, sampled).sort()
  const disk = prepared ? undefined : allocated(dir)
  const result = {
    perSecond: (events / ms) * 1000,
    p50: quantile(sorted, 0.5),
    p99: quantile(sorted, 0.99),
    perFrame: events / (after.frames - before.frames),
    mainUs: (loop.active * 1000) / events,
    cpuUs: (used.user + used.system) / events,
    frameB: (after.bytesLogged - before.bytesLogged) / events,
    diskRatio: disk === undefined ? 1 : disk / total.bytesLogged,
    writtenB: written / events,
  }
  process.send(result)
  await turn()
  process.exit(0) // The parent removes the files: the filler may still be writing here.
}

async function costs() {
  fs.mkdirSync(root, { recursive: true })
  const block = Buffer.alloc(65536, 7)
  const median = (step, n = 600) => {
    const t = []
    for (let i = 0; i < n; i++) {
      const b = performance.now()
      step(i)
      t.push(performance.now() - b)
    }
    t.sort((a, b) => a - b)
    return `p50 ${quantile(t, 0.5).toFixed(3)} ms p99 ${quantile(t, 0.99).toFixed(3)} ms`
  }
  for (const [name, flags, prepared] of [
    ['growing', 0, false],
    ['preallocated', 0, true],
    ['preallocated O_DSYNC', O_DSYNC, true],
  ]) {
    const path = join(root, 'lone.seg')
    if (prepared) zeroFill(path)
    const fd = fs.openSync(path, O_RDWR | O_CREAT | flags)
    console.log(
      `64 KiB ${name}:`,
      median((i) => {
        fs.writeSync(fd, block, 0, block.length, i * block.length)
        if (flags === 0) fs.fdatasyncSync(fd)
      }),
    )
    fs.closeSync(fd)
    fs.rmSync(path)
  }
  for (const sab of [false, true]) {
    const shared = sab ? new SharedArrayBuffer(4) : undefined
    const worker = new Worker(new URL(import.meta.url), { workerData: { role: 'echo', shared } })
    const flag = sab ? new Int32Array(shared) : undefined
    let buffer = new ArrayBuffer(1 << 20)
    const hop = () =>
      new Promise((resolve) => {
        worker.once('message', (m) => {
          if (!sab) buffer = m.buffer
          resolve()
        })
        if (sab) {
          Atomics.add(flag, 0, 1)
          Atomics.notify(flag, 0)
        } else worker.postMessage({ buffer }, [buffer])
      })
    const t = []
    for (let i = 0; i < 5000; i++) {
      const b = performance.now()
      await hop()
      if (i > 500) t.push(performance.now() - b)
    }
    t.sort((a, b) => a - b)
    console.log(
      sab ? 'hop SharedArrayBuffer there, message back:' : 'hop message + transferred 1 MiB buffer:',
      `p50 ${(quantile(t, 0.5) * 1000).toFixed(0)} us p99 ${(quantile(t, 0.99) * 1000).toFixed(0)} us`,
    )
    await worker.terminate()
  }
}

async function main() {
  if (process.argv[2] === 'one') return measure(process.argv[3], Number(process.argv[4]), process.argv[5])
  if (process.argv[2] === 'costs') return costs()
  const names = (process.env.VARIANTS ?? Object.keys(variants).join()).split(',')
  const policies = (process.env.POLICIES ?? 'sealFirst,settleFirst').split(',')
  const rows = new Map()
  for (let run = 0; run < RUNS; run++)
    for (const callers of CALLERS)
      for (const policy of callers === 1 ? policies.slice(0, 1) : policies)
        for (const name of names) {
          const key = `${name} ${callers} ${policy}`
          const child = fork(new URL(import.meta.url).pathname, ['one', name, String(callers), policy])
          const result = await new Promise((resolve) => {
            child.once('message', resolve)
            child.once('exit', () => resolve(undefined))
          })
          await new Promise((resolve) => (child.exitCode === null ? child.once('exit', resolve) : resolve()))
          fs.rmSync(join(root, `${name}-${child.pid}`), { recursive: true, force: true })
          if (result === undefined) {
            console.log(key, 'FAILED')
            continue
          }
          rows.set(key, [...(rows.get(key) ?? []), result])
        }
  const show = (list, field, digits) => {
    const v = list.map((r) => r[field]).sort((a, b) => a - b)
    return `${v[v.length >> 1].toFixed(digits)} (${v[0].toFixed(digits)}-${v[v.length - 1].toFixed(digits)})`
  }
  console.log(
    'variant callers policy | events/s | p50 ms | p99 ms | events per frame | main us/event | cpu us/event | frame B/event | allocated/frame | device B/event',
  )
  for (const [key, list] of rows)
    console.log(
      key,
      '|',
      [
        ['perSecond', 0],
        ['p50', 2],
        ['p99', 2],
        ['perFrame', 0],
        ['mainUs', 2],
        ['cpuUs', 2],
        ['frameB', 0],
        ['diskRatio', 2],
        ['writtenB', 0],
      ]
        .map(([f, d]) => show(list, f, d))
        .join(' | '),
    )
}

if (isMainThread) await main()
else runWorker()
