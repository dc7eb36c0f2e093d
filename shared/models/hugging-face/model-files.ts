/** Whether a file of a folder of Hugging Face's is one that a model is read from: whatever else lies there is not sent or fetched. */
export const isModelFile = (name: string): boolean => /^[^/]+\.(json|safetensors|txt|model|jinja)$/.test(name);
