/** The sums over batches of a language model's evaluation. */
export interface TokenLoss {
  /** Sum over the predicted tokens of the negative logarithm of their probability. */
  readonly sum: number;
  /** How many tokens were predicted: no padding, and of masked models the chosen ones alone. */
  readonly tokens: number;
}

/** Mean loss of a token in nats, and its exponential; every token weighs alike, whatever its batch. NaN without tokens. */
export function languageMetrics(batches: readonly TokenLoss[]): { loss: number; perplexity: number } {
  let [sum, tokens] = [0, 0];
  for (const batch of batches) {
    sum += batch.sum;
    tokens += batch.tokens;
  }
  return { loss: sum / tokens, perplexity: Math.exp(sum / tokens) };
}
