/** Finds and runs methods; `system.*` (spec/supervisor.md 4.1 and 4.3). */
import { fault } from './fault.ts';
import { DAEMON_METHODS } from './rpc-daemon-methods.ts';
import { EXPLAIN_METHODS } from './rpc-explain-methods.ts';
import { EXTRA_METHODS } from './rpc-extra-methods.ts';
import { LOG_METHODS } from './rpc-log-methods.ts';
import { checkArity, Params, type RpcContext, type RpcMethod } from './rpc-method.ts';
import { PROCESS_METHODS } from './rpc-process-methods.ts';
import { isRpcFault, type RpcCall, type RpcValue } from './xml-rpc.ts';

const MULTICALL = 'system.multicall';

function findMethod(name: string): RpcMethod {
  const method = METHODS.get(name);
  if (method === undefined) throw fault('SIGNATURE_UNSUPPORTED');
  return method;
}

async function callOfMany(context: RpcContext, call: RpcValue): Promise<RpcValue> {
  // `<nil/>` has no members.
  const { methodName, params } = (call ?? {}) as {
    readonly methodName?: RpcValue;
    readonly params?: RpcValue;
  };
  try {
    if (typeof methodName !== 'string') throw fault('INCORRECT_PARAMETERS', 'No methodName');
    if (methodName === MULTICALL) {
      throw fault('INCORRECT_PARAMETERS', 'Recursive system.multicall forbidden');
    }
    return await callMethod(context, {
      method: methodName,
      params: Array.isArray(params) ? params : [],
    });
  } catch (error) {
    if (!isRpcFault(error)) throw error;
    return { faultCode: error.faultCode, faultString: error.message };
  }
}

async function multicall(context: RpcContext, calls: RpcValue | undefined): Promise<RpcValue> {
  if (!Array.isArray(calls)) throw fault('INCORRECT_PARAMETERS');
  const results: RpcValue[] = [];
  for (const call of calls as readonly RpcValue[]) results.push(await callOfMany(context, call));
  return results;
}

const SYSTEM_METHODS: readonly RpcMethod[] = [
  {
    name: 'system.listMethods',
    returns: 'array',
    params: [],
    help: 'Names of all methods.',
    isAlwaysServed: true,
    run: () => methodNames(),
  },
  {
    name: 'system.methodHelp',
    returns: 'string',
    params: [['name', 'string']],
    help: 'What a method does.',
    isAlwaysServed: true,
    run: (_, values) => findMethod(new Params(values).text(0)).help,
  },
  {
    name: 'system.methodSignature',
    returns: 'array',
    params: [['name', 'string']],
    help: 'Type of the result of a method, then those of its parameters.',
    isAlwaysServed: true,
    run(_, values) {
      const method = findMethod(new Params(values).text(0));
      return [method.returns, ...method.params.map(([, type]) => type)];
    },
  },
  {
    name: MULTICALL,
    returns: 'array',
    params: [['calls', 'array']],
    help: 'Run several calls, each a struct of methodName and params, one after the other.',
    isAlwaysServed: true,
    run: (context, values) => multicall(context, values[0]),
  },
];

const METHODS: ReadonlyMap<string, RpcMethod> = new Map(
  [
    ...PROCESS_METHODS,
    ...LOG_METHODS,
    ...DAEMON_METHODS,
    ...EXPLAIN_METHODS,
    ...EXTRA_METHODS,
    ...SYSTEM_METHODS,
  ].map((method) => [method.name, method]),
);

/** Upstream's names sorted, then our own. */
function methodNames(): string[] {
  const names = [...METHODS.keys()].sort();
  const isOurs = (name: string) => name.startsWith('slapos.');
  return [...names.filter((name) => !isOurs(name)), ...names.filter(isOurs)];
}

/**
 * Runs one call.
 * @throws RpcFault
 */
export async function callMethod(context: RpcContext, call: RpcCall): Promise<RpcValue> {
  const method = METHODS.get(call.method);
  if (method === undefined) throw fault('UNKNOWN_METHOD');
  if (context.controller.mood !== 'RUNNING' && method.isAlwaysServed !== true) {
    throw fault('SHUTDOWN_STATE');
  }
  checkArity(method, call.params);
  return method.run(context, call.params);
}
