import { readFileSync } from 'node:fs'

/** How long a credential read from a file is used before the file is read again: rotation needs no restart. */
const fileFreshMs = 10_000

const reference = /^(env:[A-Za-z_][A-Za-z0-9_]*|file:\/?[^\0]+)$/

/** A credential that cannot be read now. Names the reference, never the secret. */
export class CredentialError extends Error {
  readonly code = 'CREDENTIAL_UNAVAILABLE'
  constructor(credential: string, cause?: unknown) {
    super(`the credential ${credential} cannot be read`, cause === undefined ? undefined : { cause })
    this.name = 'CredentialError'
  }
}

/** True for `env:NAME` and `file:PATH`: anything else would be a secret written into the catalogue (B3). */
export function isCredentialReference(text: string): boolean {
  return reference.test(text)
}

/**
 * Reads credentials by reference.
 *
 * @param readEnvironment the value of a variable, null when unset
 * @returns a function from reference to secret that throws CredentialError
 */
export function createCredentialReader(
  readEnvironment: (name: string) => string | null,
  monotonicMs: () => number,
): (credential: string) => string {
  const files = new Map<string, { readonly secret: string; readonly readAtMs: number }>()
  const readFile = (credential: string): string => {
    const known = files.get(credential)
    if (known !== undefined && monotonicMs() - known.readAtMs < fileFreshMs) return known.secret
    const secret = readFileSync(credential.slice('file:'.length), 'utf8').trim()
    files.set(credential, { secret, readAtMs: monotonicMs() })
    return secret
  }
  return (credential) => {
    const secret = read(credential, readEnvironment, readFile)
    // A line break would end the header; the secret itself must not appear in the error either.
    if (secret === null || secret === '' || /[^\x21-\x7e]/.test(secret)) throw new CredentialError(credential)
    return secret
  }
}

function read(
  credential: string,
  readEnvironment: (name: string) => string | null,
  readFile: (credential: string) => string,
): string | null {
  if (!isCredentialReference(credential)) throw new CredentialError('(not a reference)')
  if (credential.startsWith('env:')) return readEnvironment(credential.slice('env:'.length))
  try {
    return readFile(credential)
  } catch (cause) {
    throw new CredentialError(credential, cause)
  }
}
