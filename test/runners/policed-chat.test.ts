import { describe, expect, test } from 'vitest'
import { JudgePlaceError, policedChat } from '#runners/policed-chat.ts'
import { aModel, aProvider, aSnapshot } from '#test/support/routing.ts'

const catalogue = aSnapshot({
  providers: [
    aProvider('eu', 'https://eu.example/v1', { region: 'eu', dataPolicies: ['no-retention'] }),
    aProvider('us', 'https://us.example/v1', { region: 'us' }),
  ],
  models: [aModel('eu/judge'), aModel('us/judge')],
})
const asked: string[] = []
const chat = {
  complete: async ({ model }: { model: string }) => {
    asked.push(model)
    return { text: 'fine', finishReason: 'stop', costMicroUsd: 1 }
  },
}
const ask = (policy: Parameters<typeof policedChat>[1], model: string) =>
  policedChat(chat, policy, catalogue).complete({ model, messages: [{ role: 'user', content: 'x' }] })

describe('judges of live requests (A3, B6)', () => {
  test('are held to the region of the route: nothing is sent elsewhere', async () => {
    const policy = { constraints: [{ regions: ['eu'] }] }
    await expect(ask(policy, 'us/judge')).rejects.toThrow(JudgePlaceError)
    expect(asked).toEqual([])
    expect((await ask(policy, 'eu/judge')).text).toBe('fine')
  })

  test('see a restricted request only where its provider may', async () => {
    await expect(ask({ constraints: [], sensitivity: 'restricted' }, 'us/judge')).rejects.toThrow('restricted')
    await expect(ask({ constraints: [], sensitivity: 'of no known level' }, 'us/judge')).rejects.toThrow(
      JudgePlaceError,
    )
    expect((await ask({ constraints: [], sensitivity: 'restricted' }, 'eu/judge')).text).toBe('fine')
    expect((await ask({ constraints: [] }, 'us/judge')).text).toBe('fine')
  })
})
