// What is a small mistake? One list per kind of expression: what might stand there instead. The kinds are those that
// mutation testing commonly has; bits are added (codecs live on them), and texts of errors are left alone (they are no rule).

const ARITHMETIC = { '+': ['-'], '-': ['+'], '*': ['/'], '/': ['*'], '%': ['*'], '**': ['*'] }
const BITS = { '&': ['|'], '|': ['&'], '^': ['&'], '<<': ['>>'], '>>': ['<<'], '>>>': ['<<'] }
const COMPARISON = {
  '<': ['<=', '>='],
  '<=': ['<', '>'],
  '>': ['>=', '<='],
  '>=': ['>', '<'],
  '===': ['!=='],
  '!==': ['==='],
}
const LOGICAL = { '&&': ['||'], '||': ['&&'], '??': ['&&'] }
const ASSIGNMENT = {
  '+=': ['-='],
  '-=': ['+='],
  '*=': ['/='],
  '/=': ['*='],
  '|=': ['&='],
  '&=': ['|='],
  '^=': ['&='],
  '<<=': ['>>='],
  '>>>=': ['<<='],
  '??=': ['&&='],
}
const UNARY = { '-': ['+'], '+': ['-'], '~': [''], '!': [''] }
/** Methods that have a neighbour one may well mean instead. */
const METHODS = {
  some: 'every',
  every: 'some',
  min: 'max',
  max: 'min',
  floor: 'ceil',
  ceil: 'floor',
  startsWith: 'endsWith',
  endsWith: 'startsWith',
}
/** Methods whose result is of the kind they were called on: leaving the call out is a mistake that runs. */
const LEFT_OUT = new Set(['filter', 'slice', 'subarray', 'sort', 'toSorted', 'reverse', 'trim'])

const isText = (node) =>
  node.type === 'TemplateLiteral' || (node.type === 'Literal' && typeof node.value === 'string')

/** The code with the first `from` behind `offset` replaced. */
const swapped = (source, node, offset, from, to) => {
  const at = source.indexOf(from, offset)
  return source.slice(node.start, at) + to + source.slice(at + from.length, node.end)
}

const ofOperator = (table, kind, source, node) =>
  (table[node.operator] ?? []).map((to) => ({
    kind,
    text: swapped(source, node, node.left.end, node.operator, to),
  }))

const decidedEither = () => [
  { kind: 'condition', text: 'true' },
  { kind: 'condition', text: 'false' },
]

const ofBinary = (source, node) => {
  if (node.operator in COMPARISON) {
    return [...ofOperator(COMPARISON, 'comparison', source, node), ...decidedEither()]
  }
  if (node.operator === '+' && (isText(node.left) || isText(node.right))) return []
  return [...ofOperator(ARITHMETIC, 'arithmetic', source, node), ...ofOperator(BITS, 'bits', source, node)]
}

const ofLogical = (source, { left, right, operator }) => [
  // In brackets: `??` beside `&&` is no JavaScript.
  ...LOGICAL[operator].map((to) => ({
    kind: 'logical',
    text: `(${source.slice(left.start, left.end)}) ${to} (${source.slice(right.start, right.end)})`,
  })),
  ...(operator === '??' ? [] : decidedEither()),
]

const ofLiteral = (node) => {
  if (typeof node.value === 'boolean') return [{ kind: 'boolean', text: String(!node.value) }]
  if (typeof node.value === 'string') {
    return [{ kind: 'text', text: node.value === '' ? "'mutant'" : "''" }]
  }
  return []
}

const ofUpdate = (source, node) => {
  const to = node.operator === '++' ? '--' : '++'
  const inner = source.slice(node.argument.start, node.argument.end)
  return [{ kind: 'update', text: node.prefix ? to + inner : inner + to }]
}

const ofCall = (source, node) => {
  const { callee } = node
  if (callee.type !== 'MemberExpression' || callee.computed || callee.optional || node.optional) return []
  const { name } = callee.property
  if (LEFT_OUT.has(name)) {
    return [{ kind: 'call left out', text: source.slice(callee.object.start, callee.object.end) }]
  }
  const to = Object.hasOwn(METHODS, name) ? METHODS[name] : undefined
  if (to === undefined) return []
  return [{ kind: 'method', text: swapped(source, node, callee.property.start, name, to) }]
}

/** Each `?.` of a chain becomes a plain access, as if what stands before it were always there. */
const ofChain = (source, node) => {
  const mutants = []
  for (let link = node.expression; link; link = link.callee ?? link.object ?? link.expression) {
    if (!link.optional) continue
    const before = link.callee ?? link.object
    const isAccess = link.type === 'MemberExpression' && !link.computed
    mutants.push({
      kind: 'optional chain',
      text: swapped(source, node, before.end, '?.', isAccess ? '.' : ''),
    })
  }
  return mutants
}

/** Everything that may stand in place of an expression, as source code. */
export const expressionMutants = (source, node) => {
  switch (node.type) {
    case 'BinaryExpression':
      return ofBinary(source, node)
    case 'LogicalExpression':
      return ofLogical(source, node)
    case 'AssignmentExpression':
      return ofOperator(ASSIGNMENT, 'assignment', source, node)
    case 'UnaryExpression':
      return (UNARY[node.operator] ?? []).map((to) => ({
        kind: 'sign',
        text: to + source.slice(node.argument.start, node.argument.end),
      }))
    case 'UpdateExpression':
      return ofUpdate(source, node)
    case 'Literal':
      return ofLiteral(node)
    case 'TemplateLiteral':
      return [{ kind: 'text', text: "''" }]
    case 'ArrayExpression':
      return node.elements.length === 0 ? [] : [{ kind: 'list', text: '[]' }]
    case 'ObjectExpression':
      return node.properties.length === 0 ? [] : [{ kind: 'object', text: '{}' }]
    case 'CallExpression':
      return ofCall(source, node)
    case 'ChainExpression':
      return ofChain(source, node)
    default:
      return []
  }
}

/** What a condition may be decided as; a loop that never ends shows nothing that a loop that never begins does not. */
export const conditionMutants = (isLoop) =>
  isLoop ? [{ kind: 'condition', text: 'false' }] : decidedEither()
