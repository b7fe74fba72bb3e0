/**
 * Why a map or an incremental cannot be used. The receiver keeps the map it has and asks for
 * another form of the wanted one; nothing that was built from the bad input stays.
 */
export type MapErrorCode =
  /** Bytes that are not an encoded map, or values outside their range. */
  | "bad_encoding"
  /** The incremental does not follow the map it was applied to. */
  | "wrong_epoch"
  /** Another cluster's map. */
  | "wrong_fsid"
  /** Applied, but the result is not the map the monitor made. */
  | "crc_mismatch";

/** A map, or bytes of one, that cannot be used; `code` says in which way, the text where. */
export class MapError extends Error {
  override readonly name = "MapError";
  readonly code: MapErrorCode;
  constructor(code: MapErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
