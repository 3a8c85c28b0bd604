/** Turns refusals of the kernel, as the addon reports them, into errors of our catalogue. */
import type { ErrorCode } from '../errors/catalogue.ts';
import { HostError } from '../errors/slapos-error.ts';
import type { NativeFailure } from './native.ts';
import type { NativeOutcome } from './native-outcome.ts';

/** What a refusal says, whether it rejected a whole call or ended one operation of a batch. */
export type KernelRefusal = NonNullable<NativeOutcome>;

/** What an area says about its refusals: its error code, and a hint for each errno. */
export interface RefusalTexts {
  readonly code: ErrorCode;
  /** By symbolic errno: what the operator can do. */
  readonly hints: Readonly<Record<string, string>>;
}

/** True for errors that crossed the native boundary. */
export function isKernelRefusal(error: unknown): error is NativeFailure {
  const { code, errno, syscall, detail } = (error ?? {}) as Partial<NativeFailure>;
  return (
    typeof code === 'string' &&
    typeof errno === 'number' &&
    typeof syscall === 'string' &&
    typeof detail === 'string'
  );
}

/**
 * The error for a refusal.
 * @param what What was being done, to stand behind "Cannot".
 * @param reason Why not; by default errno and the kernel's extended acknowledgement.
 */
export function refusalError(
  texts: RefusalTexts,
  what: string,
  refusal: KernelRefusal,
  reason: string = refusalReason(refusal),
): HostError {
  const hint = texts.hints[refusal.code];
  return new HostError(texts.code, `Cannot ${what}: ${reason}.`, refusal, {
    ...(hint === undefined ? {} : { hint }),
    ...(refusal instanceof Error ? { cause: refusal } : {}),
    context: { code: refusal.code, detail: refusal.detail },
  });
}

function refusalReason(refusal: KernelRefusal): string {
  return refusal.extack === '' ? refusal.code : `${refusal.code}, ${refusal.extack}`;
}

/** Awaits a native call; a refusal becomes the error of the area, anything else passes through. */
export async function callNative<Result>(
  texts: RefusalTexts,
  what: string,
  call: () => Promise<Result>,
): Promise<Result> {
  try {
    return await call();
  } catch (error) {
    throw isKernelRefusal(error) ? refusalError(texts, what, error) : error;
  }
}
