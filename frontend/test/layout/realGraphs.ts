/**
 * Graphs as they were logged of real models: a line per node, in the order of the log, with its type, its calls and
 * where its inputs come from.
 */

import type { Graph, GraphNode } from "../../src/api/types";

export function realGraph(text: string): Graph {
  const graph: Graph = { framework: "torch", model: "Net", origin: "recorded", nodes: [], edges: [] };
  const add = (key: string, parent: string | null, type: string, calls: number): void => {
    const kind: GraphNode["kind"] =
      type === "input" || type === "output" ? type : key.includes("/") ? "operator" : "module";
    // Lists of modules are not called, and give nothing.
    const outputs = type === "ModuleList" || calls === 0 ? [] : [{ sizes: [-1, 8], dtype: "float32" }];
    const name = key.split(/[./]/).at(-1) || "Net";
    graph.nodes.push({
      key,
      parent,
      kind,
      name,
      type,
      outputs,
      parameters: 0,
      attributes: {},
      call: 0,
      calls,
      branch: false,
    });
  };
  add("", null, "Net", 1);
  for (const line of text.trim().split("\n")) {
    const [node = "", sources] = line.split(" < ");
    const [key = "", type = "", calls] = node.split(" ");
    add(key, key.slice(0, Math.max(0, key.search(/[./][^./]*$/))), type, Number(calls));
    for (const source of sources?.split(" ") ?? [])
      graph.edges.push({ source, target: key, sizes: [-1, 8], branch: false });
  }
  return graph;
}

/** `for layer in self.layers: x = relu(layer(x)) + x` */
export const RESIDUAL = `
/input input 1
embed Linear 1 < /input
layers ModuleList 1
layers.0 Linear 1 < embed
/relu relu 1 < layers.0
/add add 1 < /relu embed
layers.1 Linear 1 < /add
/relu_1 relu 1 < layers.1
/add_1 add 1 < /relu_1 /add
layers.2 Linear 1 < /add_1
/relu_2 relu 1 < layers.2
/add_2 add 1 < /relu_2 /add_1
layers.3 Linear 1 < /add_2
/relu_3 relu 1 < layers.3
/add_3 add 1 < /relu_3 /add_2
head Linear 1 < /add_3
/output output 1 < head`;

/** `for layer, norm in zip(self.layers, self.norms): x = norm(layer(x) + x)` */
export const TURNS = `
/input input 1
embed Linear 1 < /input
layers ModuleList 1
layers.0 Mlp 1
layers.0.fc1 Linear 1 < embed
layers.0/gelu gelu 1 < layers.0.fc1
layers.0.fc2 Linear 1 < layers.0/gelu
/add add 1 < layers.0.fc2 embed
norms ModuleList 1
norms.0 LayerNorm 1 < /add
layers.1 Mlp 1
layers.1.fc1 Linear 1 < norms.0
layers.1/gelu gelu 1 < layers.1.fc1
layers.1.fc2 Linear 1 < layers.1/gelu
/add_1 add 1 < layers.1.fc2 norms.0
norms.1 LayerNorm 1 < /add_1
layers.2 Mlp 1
layers.2.fc1 Linear 1 < norms.1
layers.2/gelu gelu 1 < layers.2.fc1
layers.2.fc2 Linear 1 < layers.2/gelu
/add_2 add 1 < layers.2.fc2 norms.1
norms.2 LayerNorm 1 < /add_2
head Linear 1 < norms.2
/output output 1 < head`;

/** Convolutions side by side, as `cat([relu(conv(x)).amax(2) for conv in self.convs])`. */
export const PARALLEL = `
/input input 1
fc1 Linear 1 < /input
/relu relu 1 < fc1
fc2 Linear 1 < /relu
/relu_1 relu 1 < fc2
convs ModuleList 1
convs.0 Conv1d 1 < /input
/relu_2 relu 1 < convs.0
/amax amax 1 < /relu_2
convs.1 Conv1d 1 < /input
/relu_3 relu 1 < convs.1
/amax_1 amax 1 < /relu_3
convs.2 Conv1d 1 < /input
/relu_4 relu 1 < convs.2
/amax_2 amax 1 < /relu_4
/cat cat 1 < /amax /amax_1 /amax_2
/cat_1 cat 1 < /relu_1 /cat
head Linear 1 < /cat_1
/output output 1 < head`;

/** Layers in attributes with numbers, and one activation that is called after each. */
export const NUMBERED = `
/input input 1
fc_in Linear 1 < /input
conv1 Linear 1 < fc_in
bn1 LayerNorm 1 < conv1
act ReLU 6 < bn1
conv2 Linear 1 < act
bn2 LayerNorm 1 < conv2
act@1 ReLU 6 < bn2
conv3 Linear 1 < act@1
bn3 LayerNorm 1 < conv3
act@2 ReLU 6 < bn3
conv4 Linear 1 < act@2
bn4 LayerNorm 1 < conv4
act@3 ReLU 6 < bn4
conv5 Linear 1 < act@3
bn5 LayerNorm 1 < conv5
act@4 ReLU 6 < bn5
conv6 Linear 1 < act@4
bn6 LayerNorm 1 < conv6
act@5 ReLU 6 < bn6
out Linear 1 < act@5
/output output 1 < out
pool AvgPool1d 0`;

/** A loop over a list with another module in its middle. */
export const SPLIT = `
/input input 1
layers ModuleList 1
layers.0 Linear 1 < /input
/relu relu 1 < layers.0
layers.1 Linear 1 < /relu
/relu_1 relu 1 < layers.1
layers.2 Linear 1 < /relu_1
/relu_2 relu 1 < layers.2
mid LayerNorm 1 < /relu_2
layers.3 Linear 1 < mid
/relu_3 relu 1 < layers.3
layers.4 Linear 1 < /relu_3
/relu_4 relu 1 < layers.4
layers.5 Linear 1 < /relu_4
/relu_5 relu 1 < layers.5
/output output 1 < /relu_5`;

/** Blocks in a list, and an embedding of positions. */
export const GPT = `
/input input 1
wte Embedding 1 < /input
wpe Embedding 1
/add add 1 < wte wpe
h ModuleList 1
h.0 Block 1
h.0.ln1 LayerNorm 1 < /add
h.0.attn Attn 1
h.0.attn.qkv Linear 1 < h.0.ln1
h.0.attn/scaled_dot_product_attention scaled_dot_product_attention 1 < h.0.attn.qkv
h.0.attn.proj Linear 1 < h.0.attn/scaled_dot_product_attention
h.0/add add 1 < /add h.0.attn.proj
h.0.ln2 LayerNorm 1 < h.0/add
h.0.mlp Sequential 1
h.0.mlp.0 Linear 1 < h.0.ln2
h.0.mlp.1 GELU 1 < h.0.mlp.0
h.0.mlp.2 Linear 1 < h.0.mlp.1
h.0/add_1 add 1 < h.0/add h.0.mlp.2
h.1 Block 1
h.1.ln1 LayerNorm 1 < h.0/add_1
h.1.attn Attn 1
h.1.attn.qkv Linear 1 < h.1.ln1
h.1.attn/scaled_dot_product_attention scaled_dot_product_attention 1 < h.1.attn.qkv
h.1.attn.proj Linear 1 < h.1.attn/scaled_dot_product_attention
h.1/add add 1 < h.0/add_1 h.1.attn.proj
h.1.ln2 LayerNorm 1 < h.1/add
h.1.mlp Sequential 1
h.1.mlp.0 Linear 1 < h.1.ln2
h.1.mlp.1 GELU 1 < h.1.mlp.0
h.1.mlp.2 Linear 1 < h.1.mlp.1
h.1/add_1 add 1 < h.1/add h.1.mlp.2
h.2 Block 1
h.2.ln1 LayerNorm 1 < h.1/add_1
h.2.attn Attn 1
h.2.attn.qkv Linear 1 < h.2.ln1
h.2.attn/scaled_dot_product_attention scaled_dot_product_attention 1 < h.2.attn.qkv
h.2.attn.proj Linear 1 < h.2.attn/scaled_dot_product_attention
h.2/add add 1 < h.1/add_1 h.2.attn.proj
h.2.ln2 LayerNorm 1 < h.2/add
h.2.mlp Sequential 1
h.2.mlp.0 Linear 1 < h.2.ln2
h.2.mlp.1 GELU 1 < h.2.mlp.0
h.2.mlp.2 Linear 1 < h.2.mlp.1
h.2/add_1 add 1 < h.2/add h.2.mlp.2
ln_f LayerNorm 1 < h.2/add_1
/mean mean 1 < ln_f
head Linear 1 < /mean
/output output 1 < head`;

/** keras.applications.ResNet50. */
export const KERAS = `
/input input 1
conv1_pad ZeroPadding2D 1 < /input
conv1_conv Conv2D 1 < conv1_pad
conv1_bn BatchNormalization 1 < conv1_conv
conv1_relu Activation 1 < conv1_bn
pool1_pad ZeroPadding2D 1 < conv1_relu
pool1_pool MaxPooling2D 1 < pool1_pad
conv2_block1_1_conv Conv2D 1 < pool1_pool
conv2_block1_1_bn BatchNormalization 1 < conv2_block1_1_conv
conv2_block1_1_relu Activation 1 < conv2_block1_1_bn
conv2_block1_2_conv Conv2D 1 < conv2_block1_1_relu
conv2_block1_2_bn BatchNormalization 1 < conv2_block1_2_conv
conv2_block1_2_relu Activation 1 < conv2_block1_2_bn
conv2_block1_3_conv Conv2D 1 < conv2_block1_2_relu
conv2_block1_0_conv Conv2D 1 < pool1_pool
conv2_block1_0_bn BatchNormalization 1 < conv2_block1_0_conv
conv2_block1_3_bn BatchNormalization 1 < conv2_block1_3_conv
conv2_block1_add Add 1 < conv2_block1_0_bn conv2_block1_3_bn
conv2_block1_out Activation 1 < conv2_block1_add
conv2_block2_1_conv Conv2D 1 < conv2_block1_out
conv2_block2_1_bn BatchNormalization 1 < conv2_block2_1_conv
conv2_block2_1_relu Activation 1 < conv2_block2_1_bn
conv2_block2_2_conv Conv2D 1 < conv2_block2_1_relu
conv2_block2_2_bn BatchNormalization 1 < conv2_block2_2_conv
conv2_block2_2_relu Activation 1 < conv2_block2_2_bn
conv2_block2_3_conv Conv2D 1 < conv2_block2_2_relu
conv2_block2_3_bn BatchNormalization 1 < conv2_block2_3_conv
conv2_block2_add Add 1 < conv2_block1_out conv2_block2_3_bn
conv2_block2_out Activation 1 < conv2_block2_add
conv2_block3_1_conv Conv2D 1 < conv2_block2_out
conv2_block3_1_bn BatchNormalization 1 < conv2_block3_1_conv
conv2_block3_1_relu Activation 1 < conv2_block3_1_bn
conv2_block3_2_conv Conv2D 1 < conv2_block3_1_relu
conv2_block3_2_bn BatchNormalization 1 < conv2_block3_2_conv
conv2_block3_2_relu Activation 1 < conv2_block3_2_bn
conv2_block3_3_conv Conv2D 1 < conv2_block3_2_relu
conv2_block3_3_bn BatchNormalization 1 < conv2_block3_3_conv
conv2_block3_add Add 1 < conv2_block2_out conv2_block3_3_bn
conv2_block3_out Activation 1 < conv2_block3_add
conv3_block1_1_conv Conv2D 1 < conv2_block3_out
conv3_block1_1_bn BatchNormalization 1 < conv3_block1_1_conv
conv3_block1_1_relu Activation 1 < conv3_block1_1_bn
conv3_block1_2_conv Conv2D 1 < conv3_block1_1_relu
conv3_block1_2_bn BatchNormalization 1 < conv3_block1_2_conv
conv3_block1_2_relu Activation 1 < conv3_block1_2_bn
conv3_block1_3_conv Conv2D 1 < conv3_block1_2_relu
conv3_block1_0_conv Conv2D 1 < conv2_block3_out
conv3_block1_0_bn BatchNormalization 1 < conv3_block1_0_conv
conv3_block1_3_bn BatchNormalization 1 < conv3_block1_3_conv
conv3_block1_add Add 1 < conv3_block1_0_bn conv3_block1_3_bn
conv3_block1_out Activation 1 < conv3_block1_add
conv3_block2_1_conv Conv2D 1 < conv3_block1_out
conv3_block2_1_bn BatchNormalization 1 < conv3_block2_1_conv
conv3_block2_1_relu Activation 1 < conv3_block2_1_bn
conv3_block2_2_conv Conv2D 1 < conv3_block2_1_relu
conv3_block2_2_bn BatchNormalization 1 < conv3_block2_2_conv
conv3_block2_2_relu Activation 1 < conv3_block2_2_bn
conv3_block2_3_conv Conv2D 1 < conv3_block2_2_relu
conv3_block2_3_bn BatchNormalization 1 < conv3_block2_3_conv
conv3_block2_add Add 1 < conv3_block1_out conv3_block2_3_bn
conv3_block2_out Activation 1 < conv3_block2_add
conv3_block3_1_conv Conv2D 1 < conv3_block2_out
conv3_block3_1_bn BatchNormalization 1 < conv3_block3_1_conv
conv3_block3_1_relu Activation 1 < conv3_block3_1_bn
conv3_block3_2_conv Conv2D 1 < conv3_block3_1_relu
conv3_block3_2_bn BatchNormalization 1 < conv3_block3_2_conv
conv3_block3_2_relu Activation 1 < conv3_block3_2_bn
conv3_block3_3_conv Conv2D 1 < conv3_block3_2_relu
conv3_block3_3_bn BatchNormalization 1 < conv3_block3_3_conv
conv3_block3_add Add 1 < conv3_block2_out conv3_block3_3_bn
conv3_block3_out Activation 1 < conv3_block3_add
conv3_block4_1_conv Conv2D 1 < conv3_block3_out
conv3_block4_1_bn BatchNormalization 1 < conv3_block4_1_conv
conv3_block4_1_relu Activation 1 < conv3_block4_1_bn
conv3_block4_2_conv Conv2D 1 < conv3_block4_1_relu
conv3_block4_2_bn BatchNormalization 1 < conv3_block4_2_conv
conv3_block4_2_relu Activation 1 < conv3_block4_2_bn
conv3_block4_3_conv Conv2D 1 < conv3_block4_2_relu
conv3_block4_3_bn BatchNormalization 1 < conv3_block4_3_conv
conv3_block4_add Add 1 < conv3_block3_out conv3_block4_3_bn
conv3_block4_out Activation 1 < conv3_block4_add
conv4_block1_1_conv Conv2D 1 < conv3_block4_out
conv4_block1_1_bn BatchNormalization 1 < conv4_block1_1_conv
conv4_block1_1_relu Activation 1 < conv4_block1_1_bn
conv4_block1_2_conv Conv2D 1 < conv4_block1_1_relu
conv4_block1_2_bn BatchNormalization 1 < conv4_block1_2_conv
conv4_block1_2_relu Activation 1 < conv4_block1_2_bn
conv4_block1_3_conv Conv2D 1 < conv4_block1_2_relu
conv4_block1_0_conv Conv2D 1 < conv3_block4_out
conv4_block1_0_bn BatchNormalization 1 < conv4_block1_0_conv
conv4_block1_3_bn BatchNormalization 1 < conv4_block1_3_conv
conv4_block1_add Add 1 < conv4_block1_0_bn conv4_block1_3_bn
conv4_block1_out Activation 1 < conv4_block1_add
conv4_block2_1_conv Conv2D 1 < conv4_block1_out
conv4_block2_1_bn BatchNormalization 1 < conv4_block2_1_conv
conv4_block2_1_relu Activation 1 < conv4_block2_1_bn
conv4_block2_2_conv Conv2D 1 < conv4_block2_1_relu
conv4_block2_2_bn BatchNormalization 1 < conv4_block2_2_conv
conv4_block2_2_relu Activation 1 < conv4_block2_2_bn
conv4_block2_3_conv Conv2D 1 < conv4_block2_2_relu
conv4_block2_3_bn BatchNormalization 1 < conv4_block2_3_conv
conv4_block2_add Add 1 < conv4_block1_out conv4_block2_3_bn
conv4_block2_out Activation 1 < conv4_block2_add
conv4_block3_1_conv Conv2D 1 < conv4_block2_out
conv4_block3_1_bn BatchNormalization 1 < conv4_block3_1_conv
conv4_block3_1_relu Activation 1 < conv4_block3_1_bn
conv4_block3_2_conv Conv2D 1 < conv4_block3_1_relu
conv4_block3_2_bn BatchNormalization 1 < conv4_block3_2_conv
conv4_block3_2_relu Activation 1 < conv4_block3_2_bn
conv4_block3_3_conv Conv2D 1 < conv4_block3_2_relu
conv4_block3_3_bn BatchNormalization 1 < conv4_block3_3_conv
conv4_block3_add Add 1 < conv4_block2_out conv4_block3_3_bn
conv4_block3_out Activation 1 < conv4_block3_add
conv4_block4_1_conv Conv2D 1 < conv4_block3_out
conv4_block4_1_bn BatchNormalization 1 < conv4_block4_1_conv
conv4_block4_1_relu Activation 1 < conv4_block4_1_bn
conv4_block4_2_conv Conv2D 1 < conv4_block4_1_relu
conv4_block4_2_bn BatchNormalization 1 < conv4_block4_2_conv
conv4_block4_2_relu Activation 1 < conv4_block4_2_bn
conv4_block4_3_conv Conv2D 1 < conv4_block4_2_relu
conv4_block4_3_bn BatchNormalization 1 < conv4_block4_3_conv
conv4_block4_add Add 1 < conv4_block3_out conv4_block4_3_bn
conv4_block4_out Activation 1 < conv4_block4_add
conv4_block5_1_conv Conv2D 1 < conv4_block4_out
conv4_block5_1_bn BatchNormalization 1 < conv4_block5_1_conv
conv4_block5_1_relu Activation 1 < conv4_block5_1_bn
conv4_block5_2_conv Conv2D 1 < conv4_block5_1_relu
conv4_block5_2_bn BatchNormalization 1 < conv4_block5_2_conv
conv4_block5_2_relu Activation 1 < conv4_block5_2_bn
conv4_block5_3_conv Conv2D 1 < conv4_block5_2_relu
conv4_block5_3_bn BatchNormalization 1 < conv4_block5_3_conv
conv4_block5_add Add 1 < conv4_block4_out conv4_block5_3_bn
conv4_block5_out Activation 1 < conv4_block5_add
conv4_block6_1_conv Conv2D 1 < conv4_block5_out
conv4_block6_1_bn BatchNormalization 1 < conv4_block6_1_conv
conv4_block6_1_relu Activation 1 < conv4_block6_1_bn
conv4_block6_2_conv Conv2D 1 < conv4_block6_1_relu
conv4_block6_2_bn BatchNormalization 1 < conv4_block6_2_conv
conv4_block6_2_relu Activation 1 < conv4_block6_2_bn
conv4_block6_3_conv Conv2D 1 < conv4_block6_2_relu
conv4_block6_3_bn BatchNormalization 1 < conv4_block6_3_conv
conv4_block6_add Add 1 < conv4_block5_out conv4_block6_3_bn
conv4_block6_out Activation 1 < conv4_block6_add
conv5_block1_1_conv Conv2D 1 < conv4_block6_out
conv5_block1_1_bn BatchNormalization 1 < conv5_block1_1_conv
conv5_block1_1_relu Activation 1 < conv5_block1_1_bn
conv5_block1_2_conv Conv2D 1 < conv5_block1_1_relu
conv5_block1_2_bn BatchNormalization 1 < conv5_block1_2_conv
conv5_block1_2_relu Activation 1 < conv5_block1_2_bn
conv5_block1_3_conv Conv2D 1 < conv5_block1_2_relu
conv5_block1_0_conv Conv2D 1 < conv4_block6_out
conv5_block1_0_bn BatchNormalization 1 < conv5_block1_0_conv
conv5_block1_3_bn BatchNormalization 1 < conv5_block1_3_conv
conv5_block1_add Add 1 < conv5_block1_0_bn conv5_block1_3_bn
conv5_block1_out Activation 1 < conv5_block1_add
conv5_block2_1_conv Conv2D 1 < conv5_block1_out
conv5_block2_1_bn BatchNormalization 1 < conv5_block2_1_conv
conv5_block2_1_relu Activation 1 < conv5_block2_1_bn
conv5_block2_2_conv Conv2D 1 < conv5_block2_1_relu
conv5_block2_2_bn BatchNormalization 1 < conv5_block2_2_conv
conv5_block2_2_relu Activation 1 < conv5_block2_2_bn
conv5_block2_3_conv Conv2D 1 < conv5_block2_2_relu
conv5_block2_3_bn BatchNormalization 1 < conv5_block2_3_conv
conv5_block2_add Add 1 < conv5_block1_out conv5_block2_3_bn
conv5_block2_out Activation 1 < conv5_block2_add
conv5_block3_1_conv Conv2D 1 < conv5_block2_out
conv5_block3_1_bn BatchNormalization 1 < conv5_block3_1_conv
conv5_block3_1_relu Activation 1 < conv5_block3_1_bn
conv5_block3_2_conv Conv2D 1 < conv5_block3_1_relu
conv5_block3_2_bn BatchNormalization 1 < conv5_block3_2_conv
conv5_block3_2_relu Activation 1 < conv5_block3_2_bn
conv5_block3_3_conv Conv2D 1 < conv5_block3_2_relu
conv5_block3_3_bn BatchNormalization 1 < conv5_block3_3_conv
conv5_block3_add Add 1 < conv5_block2_out conv5_block3_3_bn
conv5_block3_out Activation 1 < conv5_block3_add
avg_pool GlobalAveragePooling2D 1 < conv5_block3_out
predictions Dense 1 < avg_pool
/output output 1 < predictions`;
