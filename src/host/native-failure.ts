import type { NativeFailure, NativeOutcome } from './native.ts';

/** What a refusal of the kernel says, whether it rejected a call or ended one operation. */
export type KernelRefusal = NonNullable<NativeOutcome>;

/** True for errors that crossed the native boundary or come from Node's own system calls. */
export function isKernelRefusal(error: unknown): error is NativeFailure {
  const { code, errno, syscall } = (error ?? {}) as Partial<NativeFailure>;
  return typeof code === 'string' && typeof errno === 'number' && typeof syscall === 'string';
}

/** The reason in the words of the kernel: its extended acknowledgement, else the errno's name. */
export function refusalReason(refusal: KernelRefusal): string {
  return refusal.extack === '' ? refusal.code : `${refusal.code}, ${refusal.extack}`;
}
