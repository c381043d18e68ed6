import pg from "pg";

const INT8 = 20;

/** For connections of tables whose 64-bit integers are times and keys, all of them exact as numbers. */
export const exactNumbers = {
  getTypeParser: ((oid: number, format?: "text" | "binary") =>
    oid === INT8 ? Number : pg.types.getTypeParser(oid, format as "text")) as typeof pg.types.getTypeParser,
};
