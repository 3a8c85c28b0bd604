/**
 * Checks values with ajv as python-jsonschema would. Schemas are not ours: compiling and checking
 * have a time limit, which also ends a regular expression, and errors are counted.
 */
import { runInNewContext } from 'node:vm';
import { _, type default as Ajv, type CodeKeywordDefinition, Name } from 'ajv';
import { errorCode, errorMessage } from '../errors/slapos-error.ts';
import type { SchemaDialect } from './schema-dialect.ts';
import { parsePattern } from './schema-pattern.ts';
import { renderProblems, type SchemaError, type SchemaProblem } from './schema-problem.ts';
import type { SchemaSet } from './schema-set.ts';

export interface CheckOptions {
  readonly timeoutMs: number;
  /** Also refuses text that is not of its `format`, which python-jsonschema does not look at. */
  readonly areFormatsChecked: boolean;
}

export interface CheckResult {
  readonly problems: readonly SchemaProblem[];
  /** What of the schema could not be used, one line each. */
  readonly gaps: readonly string[];
}

/** More errors than anybody reads; references to references could make any number of them. */
const MAX_ERRORS = 10_000;

/**
 * Checks a value, all of it.
 * @throws Error when the schema cannot be used or the time is over, with the reason.
 */
export async function checkValue(
  schemas: SchemaSet,
  value: unknown,
  options: CheckOptions,
): Promise<CheckResult> {
  const gaps = new Set<string>();
  const ajv = await createAjv(schemas, gaps);
  if (options.areFormatsChecked) await addFormats(ajv);
  const errors = withTimeLimit(options.timeoutMs, () => {
    for (const [address, document] of schemas.documents) ajv.addSchema(document as object, address);
    const validate = ajv.getSchema(schemas.root);
    if (validate === undefined) throw new Error('its address leads nowhere in it');
    return validate(value) === true ? [] : ((validate.errors ?? []) as SchemaError[]);
  });
  const problems = renderProblems(errors, value);
  return { problems, gaps: [...gaps] };
}

function withTimeLimit<T>(timeoutMs: number, work: () => T): T {
  try {
    return runInNewContext('work()', { work }, { timeout: timeoutMs }) as T;
  } catch (cause) {
    if (errorCode(cause) === 'ERR_SCRIPT_EXECUTION_TIMEOUT') {
      throw new Error(`checking took longer than ${timeoutMs / 1000} s`, { cause });
    }
    if (cause instanceof RangeError) throw new Error('its references never end', { cause });
    throw new Error(errorMessage(cause).split('\n')[0], { cause });
  }
}

async function createAjv({ dialect, hasUnevaluated }: SchemaSet, gaps: Set<string>): Promise<Ajv> {
  const regExp = Object.assign((source: string) => readPattern(source, gaps), {
    code: 'new RegExp',
  });
  const Dialect = await loadDialect(dialect);
  const ajv = new Dialect({
    allErrors: true,
    verbose: true,
    strict: false,
    strictNumbers: false,
    validateSchema: false,
    validateFormats: false,
    addUsedSchema: false,
    ownProperties: true,
    inlineRefs: false,
    meta: false,
    logger: false,
    // The bounds of contains, which are in every set of schemas.
    next: true,
    ignoreKeywordsWithRef: dialect === '4' || dialect === '6' || dialect === '7',
    code: { regExp },
  });
  // What unevaluated keywords need costs time and trips over some schemas: only for who has them.
  if (!hasUnevaluated) ajv.opts.unevaluated = false;
  for (const keyword of UNKNOWN_KEYWORDS[dialect]) ajv.removeKeyword(keyword);
  for (const keyword of UNIONS) groupErrors(ajv, keyword);
  for (const keyword of ['not', 'if']) checkWholly(ajv, keyword);
  for (const keyword of ['$ref', '$dynamicRef', '$recursiveRef']) limitErrors(ajv, keyword);
  return ajv;
}

/** Each is a module of its own: only the one in question is run. */
async function loadDialect(dialect: SchemaDialect): Promise<typeof Ajv> {
  if (dialect === '2020') return (await import('ajv/dist/2020.js')).Ajv2020 as typeof Ajv;
  if (dialect === '2019') return (await import('ajv/dist/2019.js')).Ajv2019 as typeof Ajv;
  if (dialect === '4') return (await import('ajv-draft-04')).default as unknown as typeof Ajv;
  return (await import('ajv')).Ajv;
}

/** Keywords that the draft does not have, of those that ajv knows. */
const UNKNOWN_KEYWORDS: Readonly<Record<SchemaDialect, readonly string[]>> = {
  '4': ['if', 'then', 'else', 'const', 'contains', 'propertyNames', '$id'],
  '6': ['if', 'then', 'else', 'id'],
  '7': ['id'],
  '2019': ['dependencies', 'id'],
  '2020': ['dependencies', 'id'],
};

/** A pattern that is none matches everything: the rest of the schema still counts. */
function readPattern(source: string, gaps: Set<string>): RegExp {
  try {
    return parsePattern(source);
  } catch (cause) {
    gaps.add(`a pattern is not checked: ${errorMessage(cause)}`);
    return /(?:)/;
  }
}

const UNIONS = ['anyOf', 'oneOf', 'contains'];
const ERRORS = new Name('errors');
const LIST = new Name('vErrors');

/**
 * ajv lists the errors of every alternative and then that none fits; python-jsonschema tells only
 * the latter. What ajv found in the alternatives becomes `context` of that error.
 */
function groupErrors(ajv: Ajv, keyword: string): void {
  const definition = codeDefinition(ajv, keyword);
  if (definition === undefined) return;
  const { code } = definition;
  definition.code = function grouped(cxt) {
    const { gen } = cxt;
    const start = gen.const('_start', ERRORS);
    code.call(this, cxt);
    const gather = gen.scopeValue('func', { ref: gatherContext, key: gatherContext });
    gen.if(_`${ERRORS} > ${start}`, () => {
      gen.assign(LIST, _`${gather}(${LIST}, ${start})`).assign(ERRORS, _`${LIST}.length`);
    });
  };
}

function gatherContext(errors: SchemaError[], start: number): SchemaError[] {
  const union = errors.pop() as SchemaError;
  const context = errors.splice(start);
  return [...errors, { ...union, context }];
}

/**
 * Where only the outcome counts ajv 8 stops at the first error, and then leaves out what follows
 * `prefixItems` for lists that are shorter: such schemas are gone through wholly.
 */
function checkWholly(ajv: Ajv, keyword: string): void {
  const definition = codeDefinition(ajv, keyword);
  if (definition === undefined) return;
  const { code } = definition;
  definition.code = function whole(cxt) {
    const subschema = cxt.subschema.bind(cxt);
    cxt.subschema = (applied, valid) => subschema({ ...applied, allErrors: true }, valid);
    code.call(this, cxt);
  };
}

function limitErrors(ajv: Ajv, keyword: string): void {
  const definition = codeDefinition(ajv, keyword);
  if (definition === undefined) return;
  const { code } = definition;
  definition.code = function limited(cxt) {
    code.call(this, cxt);
    const refuse = cxt.gen.scopeValue('func', { ref: refuseErrors, key: refuseErrors });
    cxt.gen.if(_`${ERRORS} > ${MAX_ERRORS}`, () => cxt.gen.code(_`${refuse}()`));
  };
}

function refuseErrors(): never {
  throw new Error(`more than ${MAX_ERRORS} problems were found`);
}

function codeDefinition(ajv: Ajv, keyword: string): CodeKeywordDefinition | undefined {
  const definition = ajv.getKeyword(keyword);
  const hasCode = typeof definition === 'object' && 'code' in definition;
  return hasCode ? (definition as CodeKeywordDefinition) : undefined;
}

async function addFormats(ajv: Ajv): Promise<void> {
  const { default: formats } = await import('ajv-formats');
  ajv.opts.validateFormats = true;
  formats(ajv);
}
