/** Unit vector of a text by feature hashing of its words and word pairs: equal texts agree, similar texts are near. */
export function hashedEmbedding(text: string, dimensions: number): Float32Array {
  const vector = new Float32Array(dimensions)
  const words = text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? []
  for (const [index, word] of words.entries()) {
    addFeature(vector, word, 1)
    const next = words[index + 1]
    if (next !== undefined) addFeature(vector, `${word} ${next}`, 0.5)
  }
  let squares = 0
  for (const value of vector) squares += value * value
  const norm = Math.sqrt(squares)
  if (norm === 0) vector[0] = 1
  else for (let index = 0; index < dimensions; index += 1) vector[index] = (vector[index] ?? 0) / norm
  return vector
}

function addFeature(vector: Float32Array, feature: string, weight: number): void {
  // FNV-1a, 32 bits: the top bit is the sign, the rest the place
  let hash = 0x811c9dc5
  for (let at = 0; at < feature.length; at += 1) hash = Math.imul(hash ^ feature.charCodeAt(at), 0x01000193)
  const place = (hash & 0x7fffffff) % vector.length
  vector[place] = (vector[place] ?? 0) + (hash < 0 ? -weight : weight)
}
