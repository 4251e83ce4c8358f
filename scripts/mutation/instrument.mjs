// All small mistakes of one source file, built into it at once behind a switch: `$m.active` says which one is made, none by
// default. So a file is compiled and loaded once however many mistakes it has. Code is only ever put around what stands
// there, so every mistake is a plain edit of the source and can be shown as one.
import { parseSync } from 'oxc-parser'
import { conditionMutants, expressionMutants } from './operators.mjs'

const LOOPS = new Set([
  'ForStatement',
  'ForOfStatement',
  'ForInStatement',
  'WhileStatement',
  'DoWhileStatement',
])
const FUNCTIONS = new Set(['FunctionDeclaration', 'FunctionExpression', 'ArrowFunctionExpression'])
/** Of TypeScript's own nodes, those with an expression inside that runs. */
const TYPED_EXPRESSIONS = new Set(['TSAsExpression', 'TSSatisfiesExpression', 'TSNonNullExpression'])
const NEVER_RUN = new Set(['ImportDeclaration', 'ExportAllDeclaration', 'MetaProperty', 'Super'])
const isErrorName = (name) => /(?:Error|Defect|Refused)$/.test(name)

class Instrument {
  constructor(path, source, firstId) {
    this.path = path
    this.source = source
    this.nextId = firstId
    this.mutants = []
    this.inserts = []
  }

  put(at, text, isClosing = false) {
    this.inserts.push({ at, text, isClosing, rank: this.inserts.length })
  }

  /** Registers mistakes that may be made at `start..end`; the id of the first. */
  register(start, end, options) {
    const first = this.nextId
    const before = this.source.slice(0, start)
    const line = before.split('\n').length
    for (const { kind, text } of options) {
      const original = this.source.slice(start, end)
      this.mutants.push({ id: this.nextId++, site: first, path: this.path, line, kind, original, text })
    }
    return first
  }

  /** An expression with its mistakes beside it. Visits what is inside. */
  expression(node, options, visitInside) {
    const unlike = new Map(options.map((option) => [option.text, option]))
    unlike.delete(this.source.slice(node.start, node.end))
    const own = [...unlike.values()]
    if (own.length === 0) return visitInside()
    const first = this.register(node.start, node.end, own)
    const cases = own.map(({ text }, index) => `$m.active === ${first + index} ? (${text}) : `).join('')
    this.put(node.start, `($m.at(${first}, ${own.length}) ? (${cases}undefined) : (`)
    visitInside()
    this.put(node.end, '))', true)
  }

  /** Statements from `start` to `end` that may be left out. */
  leftOut(start, end, kind, visitInside, isAlone = false) {
    const first = this.register(start, end, [{ kind, text: '' }])
    this.put(start, `${isAlone ? '{' : ''}if (!$m.at(${first}, 1)) {`)
    visitInside()
    this.put(end, `}${isAlone ? '}' : ''}`, true)
  }

  text() {
    const { source, inserts } = this
    inserts.sort((a, b) => a.at - b.at || Number(b.isClosing) - Number(a.isClosing) || a.rank - b.rank)
    let text = 'const $m = globalThis.$mutation;'
    let from = 0
    for (const { at, text: put } of inserts) {
      text += source.slice(from, at) + put
      from = at
    }
    return text + source.slice(from)
  }
}

const children = (node) =>
  Object.entries(node).flatMap(([key, value]) =>
    (Array.isArray(value) ? value : [value])
      .filter((child) => typeof child?.type === 'string')
      .map((child) => [key, child]),
  )

/** Names and targets: a key, a property after a dot, what is assigned to. Defaults and computed keys inside do run. */
const isName = (node, key) => {
  switch (node.type) {
    case 'MemberExpression':
      return key === 'property' && !node.computed
    case 'Property':
    case 'PropertyDefinition':
    case 'MethodDefinition':
    case 'AccessorProperty':
      return key === 'key' && !node.computed
    case 'LabeledStatement':
    case 'BreakStatement':
    case 'ContinueStatement':
      return key === 'label'
    case 'ExportNamedDeclaration':
      return key !== 'declaration'
    default:
      return key === 'id' && node.type !== 'VariableDeclarator'
  }
}

/** Where a value in brackets would mean something else than the value. */
const isFixed = (parent, key, isOnSpine) => {
  switch (parent?.type) {
    case 'CallExpression':
    case 'NewExpression':
      return key === 'callee'
    case 'MemberExpression':
      return isOnSpine && key === 'object'
    case 'TSNonNullExpression':
      return isOnSpine
    case 'AssignmentExpression':
    case 'ForOfStatement':
    case 'ForInStatement':
      return key === 'left'
    case 'UpdateExpression':
      return true
    case 'UnaryExpression':
      return parent.operator === 'delete'
    case 'TaggedTemplateExpression':
      return true
    case 'ChainExpression':
      return true
    case 'ExpressionStatement':
      return parent.directive !== null && parent.directive !== undefined
    default:
      return false
  }
}

/** Arguments that are only read by people: the message of an invariant, the text of an error. */
const isToldToPeople = (parent, key, node) => {
  if (key !== 'arguments') return false
  const name = parent.callee.name ?? parent.callee.property?.name ?? ''
  if (parent.type === 'CallExpression' && name === 'invariant') return parent.arguments.indexOf(node) > 0
  const isText = node.type === 'TemplateLiteral' || typeof node.value === 'string'
  return isText && (isErrorName(name) || name === 'malformed')
}

const walk = (into) => {
  const visitAll = (node, isOnSpine = false) => {
    for (const [key, child] of children(node)) {
      if (!isName(node, key)) visit(child, node, key, isOnSpine && key !== 'arguments' && key !== 'property')
    }
  }

  const visitFunction = (node) => {
    for (const param of node.params) visit(param, node, 'params', false)
    const { body } = node
    if (!body) return
    if (body.type !== 'BlockStatement') {
      const nothing = { kind: 'function does nothing', text: 'undefined' }
      return into.expression(body, [...expressionMutants(into.source, body), nothing], () => visitAll(body))
    }
    if (body.body.length > 0) {
      const first = into.register(body.start, body.end, [{ kind: 'function does nothing', text: '{}' }])
      into.put(body.start + 1, `if ($m.at(${first}, 1)) return;`)
    }
    visitAll(body)
  }

  const visitStatement = (node, parent) => {
    switch (node.type) {
      case 'BlockStatement':
        if (node.body.length === 0 || LOOPS.has(parent.type)) return visitAll(node)
        return into.leftOut(node.start + 1, node.end - 1, 'block left out', () => visitAll(node))
      case 'SwitchCase': {
        if (node.test) visit(node.test, node, 'test', false)
        const { consequent } = node
        if (consequent.length === 0) return
        // A case that is one block is left out once, as a case.
        const [only] = consequent.length === 1 && consequent[0].type === 'BlockStatement' ? consequent : []
        const visitBody = () => {
          if (only) visitAll(only)
          else for (const one of consequent) visit(one, node, 'consequent', false)
        }
        return into.leftOut(consequent[0].start, consequent.at(-1).end, 'case left out', visitBody)
      }
      case 'ExpressionStatement': {
        const siblings = Array.isArray(parent.body) ? parent.body : (parent.consequent ?? [])
        if (node.directive || node.expression.callee?.type === 'Super') return visitAll(node)
        if (Array.isArray(siblings) && siblings.length < 2) return visitAll(node)
        const isAlone = !Array.isArray(siblings)
        return into.leftOut(node.start, node.end, 'statement left out', () => visitAll(node), isAlone)
      }
    }
  }

  const visitLoop = (node) => {
    for (const [key, child] of children(node)) {
      if (key !== 'body') {
        visit(child, node, key, false)
        continue
      }
      const isBlock = child.type === 'BlockStatement'
      into.put(isBlock ? child.start + 1 : child.start, isBlock ? '$m.turn();' : '{$m.turn();')
      if (isBlock && child.body.length > 0) {
        into.leftOut(child.start + 1, child.end - 1, 'block left out', () => visitAll(child))
      } else visit(child, { type: 'Loop', body: [] }, 'body', false)
      if (!isBlock) into.put(child.end, '}', true)
    }
  }

  const visit = (node, parent, key, isOnSpine) => {
    if (NEVER_RUN.has(node.type) || isToldToPeople(parent, key, node)) return
    if (node.type.startsWith('TS') && !TYPED_EXPRESSIONS.has(node.type)) {
      if (node.type === 'TSParameterProperty') visit(node.parameter, node, 'parameter', false)
      return
    }
    if (FUNCTIONS.has(node.type)) return visitFunction(node)
    if (LOOPS.has(node.type)) return visitLoop(node)
    if (['BlockStatement', 'SwitchCase', 'ExpressionStatement'].includes(node.type)) {
      return visitStatement(node, parent)
    }
    const inside = () => visitAll(node, node.type === 'ChainExpression' || isOnSpine)
    if (isFixed(parent, key, isOnSpine)) return inside()
    const options = expressionMutants(into.source, node)
    if (key === 'test' && parent.type !== 'SwitchCase')
      options.push(...conditionMutants(LOOPS.has(parent.type)))
    into.expression(node, options, inside)
  }
  return visit
}

/** The mistakes of a file, numbered from `firstId`, and the file with all of them built in. */
export const instrument = (path, source, firstId) => {
  const { program, errors } = parseSync(path, source)
  if (errors.length > 0) throw new Error(`${path} is not understood: ${errors[0].message}`)
  const into = new Instrument(path, source, firstId)
  const visit = walk(into)
  for (const statement of program.body) visit(statement, program, 'body', false)
  return { mutants: into.mutants, text: into.text() }
}
