// Runs the public tests of HTTP caches (http-tests/cache-tests) against client.lua beside
// this file: node driver.mjs FOLDER [TEST...], with what to run as the client in the
// variable CACHE_SUITE_CLIENT. The tests, their server and their judgement are theirs; in
// the place of fetch they get one that hands requests to the client, which asks for them
// over HTTP. See script/cache-suite.
import { spawn } from 'node:child_process'
import http from 'node:http'
import net from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { pathToFileURL } from 'node:url'

const [folder, ...only] = process.argv.slice(2)
const load = file => import(pathToFileURL(path.resolve(folder, file)))

function freePort () {
  return new Promise(resolve => {
    const probe = net.createServer().listen(0, () => {
      const { port } = probe.address()
      probe.close(() => resolve(port))
    })
  })
}

// ---- Requests for the client ----

const waiting = [] // answers to GET /next that nothing is there for
const jobs = []
const pending = new Map()
let last = 0

function hand (job) {
  if (waiting.length > 0) waiting.shift().end(JSON.stringify(job))
  else jobs.push(job)
}

const control = http.createServer((request, response) => {
  if (request.url === '/next') {
    if (jobs.length > 0) response.end(JSON.stringify(jobs.shift()))
    else waiting.push(response)
    return
  }
  let text = ''
  request.setEncoding('utf8').on('data', piece => { text += piece }).on('end', () => {
    const answer = JSON.parse(text)
    pending.get(answer.id)(answer)
    pending.delete(answer.id)
    response.end()
  })
})

const realFetch = globalThis.fetch

globalThis.fetch = (url, init = {}) => {
  if (!new URL(url).pathname.startsWith('/test/')) return realFetch(url, init)
  const job = {
    id: ++last, url, method: init.method || 'GET', headers: init.headers, body: init.body,
    cache: init.cache, redirect: 'manual'
  }
  return new Promise(resolve => {
    pending.set(job.id, resolve)
    hand(job)
  }).then(answer => ({
    status: answer.status,
    statusText: answer.reason,
    headers: new Headers(answer.headers),
    text: async () => answer.body
  }))
}

// ---- Which tests ----

// What concerns shared caches alone, and interim answers, which a cache has no part in.
function isOurs (test) {
  return !/shared|proxy-revalidate/i.test(test.name) && !test.cdn_only &&
    !test.requests.some(request => 'expected_interim_responses' in request)
}

function choose (suites) {
  return suites.map(suite => ({
    ...suite,
    tests: suite.tests.filter(test => only.length > 0 ? only.includes(test.id) : isOurs(test))
      .map(test => ({ ...test, browser_skip: false, dump: only.length > 0 }))
  }))
}

function report (suites, results, types, judge) {
  const counts = {}
  for (const suite of suites) {
    for (const test of suite.tests) {
      const type = judge(suites, test.id, results, only.length === 0)
      const result = Object.keys(types).find(name => types[name] === type)
      const name = `${test.kind || 'required'} ${result}`
      counts[name] = (counts[name] || 0) + 1
      if (result !== 'pass' && result !== 'yes') {
        const why = Array.isArray(results[test.id]) ? results[test.id][1] : ''
        console.log(`${name}: ${test.id}: ${why}`)
      }
    }
  }
  for (const name of Object.keys(counts).sort()) console.log(`${counts[name]} ${name}`)
  return !counts['required fail']
}

// ---- Running ----

const port = await freePort()
process.env.npm_config_protocol = 'http'
process.env.npm_config_port = port
process.env.npm_config_pidfile = path.join(os.tmpdir(), `cache-suite-${process.pid}.pid`)
await load('test-engine/server/server.mjs')
await new Promise(resolve => control.listen(0, '127.0.0.1', resolve))
const client = spawn(process.env.CACHE_SUITE_CLIENT, [control.address().port],
  { shell: true, stdio: 'inherit' })
client.on('exit', code => {
  if (code !== 0) process.exit(code || 1)
})

const { default: all } = await load('tests/index.mjs')
const { runTests, getResults } = await load('test-engine/client/runner.mjs')
const { resultTypes, determineTestResult } = await load('test-engine/lib/results.mjs')
const suites = choose(all)
await runTests(suites, true, `http://127.0.0.1:${port}`, 120)
const good = report(suites, getResults(), resultTypes, determineTestResult)
hand({ done: true })
client.on('exit', () => process.exit(good ? 0 : 1))
