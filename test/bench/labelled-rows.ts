/** Rows of a JSON Lines file, plain or gzip. @param path below the folder of the labelled sets */
export type Rows = (path: string) => Record<string, unknown>[]
