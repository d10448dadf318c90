import { existsSync } from 'node:fs'
import { type Browser, chromium } from 'playwright-core'

/** Where a Chromium may be; CHROMIUM_PATH wins. */
const places = [
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
]

/** Path of a Chromium; null when there is none here. With REQUIRE_BROWSER=1 that is an error, not a skip. */
export function chromiumPath(): string | null {
  const found = [process.env['CHROMIUM_PATH'], ...places].find((path) => path !== undefined && existsSync(path))
  if (found === undefined && process.env['REQUIRE_BROWSER'] === '1')
    throw new Error('REQUIRE_BROWSER=1 but no Chromium was found; set CHROMIUM_PATH')
  return found ?? null
}

export function launchChromium(executablePath: string): Promise<Browser> {
  return chromium.launch({ executablePath, args: ['--disable-dev-shm-usage', '--disable-gpu'] })
}
