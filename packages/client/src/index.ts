/** The client library: what programs embed. Pure; ./io connects it to real sockets. */
export { RadosError } from "./errors.ts";
export {
  ALL_NSPACES,
  type CallOptions,
  IoCtx,
  type ListEntry,
  type OperateResult,
  type StepResult,
} from "./IoCtx.ts";
export { Objecter, type OpReply, type OpRequest } from "./Objecter.ts";
export {
  type Bytes,
  type CmpOp,
  ObjectOperation,
  ObjectReadOperation,
  ObjectWriteOperation,
} from "./ObjectOperation.ts";
export { type CommandResult, Rados, type RadosPorts } from "./Rados.ts";
