import type { Problem } from './collector.ts'
import { textFault } from './text-faults.ts'

/** Text of the upload without its byte order mark, or why it is not text. */
export function decodeUpload(body: Uint8Array | string): string | Problem {
  if (typeof body === 'string') {
    const text = body.startsWith('\ufeff') ? body.slice(1) : body
    const fault = textFault(text)
    return fault === null ? text : { path: '', line: lineOfTextFault(text), message: `the file ${fault}` }
  }
  const decoder = new TextDecoder('utf-8', { fatal: true })
  try {
    const text = decoder.decode(body)
    const fault = textFault(text)
    return fault === null ? text : { path: '', line: lineOfTextFault(text), message: `the file ${fault}` }
  } catch {
    const line = firstUndecodableLine(body, decoder)
    return { path: `/${line}`, line, message: 'not UTF-8; save the file as UTF-8' }
  }
}

function lineOfTextFault(text: string): number {
  const lines = text.split('\n')
  return lines.findIndex((line) => textFault(line) !== null) + 1
}

function firstUndecodableLine(body: Uint8Array, decoder: TextDecoder): number {
  let line = 1
  for (let from = 0; from < body.length; line += 1) {
    const end = body.indexOf(0x0a, from)
    const stop = end < 0 ? body.length : end
    try {
      decoder.decode(body.subarray(from, stop))
    } catch {
      return line
    }
    from = stop + 1
  }
  return line
}
