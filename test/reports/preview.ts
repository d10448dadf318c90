import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { assets } from '#reports/assets.ts'
import { pages } from '#test/reports/pages.ts'

/** Writes every page of the factories to a folder, to be opened or photographed: `node test/reports/preview.ts FOLDER`. */
const folder = process.argv[2]
if (folder === undefined) throw new Error('usage: node test/reports/preview.ts FOLDER')
mkdirSync(join(folder, 'assets'), { recursive: true })
for (const [path, asset] of assets()) writeFileSync(join(folder, path), asset.body)
for (const [name, render] of Object.entries(pages)) writeFileSync(join(folder, `${name}.html`), render())
