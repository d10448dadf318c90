/** `provider/model`: the provider's name has no slash, the model's may. */
export const judgeModelSchema = { type: 'string', pattern: '^[^/\\s]+/\\S+$', maxLength: 200 }
