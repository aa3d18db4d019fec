/** What the tab's terms mean. docs/terms.md says the same, and a test holds the two together. */

import type { TermName } from "../../state/help";

export interface Entry {
  /** What it is called where it is explained. */
  title: string;
  /** In one or two sentences, without other terms. */
  short: string;
  /** How it is computed, and what it is not. */
  more?: string;
}

export const GLOSSARY: Record<TermName, Entry> = {
  activation: {
    title: "activation",
    short:
      "The output of one neuron for one instance. Feature maps and sequences are reduced to one number per neuron.",
    more: "The header of a layer says how, for example “spatial mean”.",
  },
  "activation norm": {
    title: "activation norm",
    short:
      "How large the output of a layer for one instance is: the L2 norm of all its values, root mean square over the batch.",
  },
  "activation RMS": {
    title: "activation RMS",
    short:
      "How large the values of a layer are: the root mean square over the batch. Steady is good; what keeps growing over the layers or " +
      "over the steps ends in overflow.",
  },
  AUC: {
    title: "AUC",
    short:
      "The chance that an instance of this class activates the neuron more than an instance of any other class. " +
      "0.5 says nothing; at 1, the neuron alone separates the class from all others, and at 0 it does so by " +
      "being low.",
    more: "The area under the ROC curve, over the kept instances; ties count half.",
  },
  "busiest expert": {
    title: "busiest expert",
    short:
      "Of a router that sends each token to some of several experts: the share of the tokens that the busiest of them gets. " +
      "Near 100%, the others learn nothing.",
  },
  CKA: {
    title: "1 − CKA",
    short:
      "How far a layer moved between the two snapshots that are compared: 0 where both place the instances alike, up to " +
      "rotation and scale; near 1 where what is close in one tells nothing about the other.",
    more: "Debiased linear CKA (centered kernel alignment) over the instances that both kept. The numbers of neurons may differ.",
  },
  clipped: {
    title: "clipped",
    short: "Values too large for the 16-bit numbers that activations are stored in. They are stored as ±65,504.",
  },
  clusters: {
    title: "sorted by clusters",
    short: "Neurons that behave alike over the rows stand side by side, so that blocks appear.",
    more: "Average linkage of the z-scores over the rows, with optimal leaf order.",
  },
  collapsed: {
    title: "collapsed",
    short: "A layer in which one direction holds at least 99% of the variance: its neurons all say the same.",
    more:
      "Over up to 512 kept instances. Models for two classes or for numbers need no more than one direction and " +
      "are left out.",
  },
  concept: {
    title: "concept",
    short:
      "A direction in a layer that belongs to a subset: the difference between the mean of its instances and that of the rest.",
    more: "It is judged by how much it moves the scores of each class.",
  },
  confusion: {
    title: "confusion",
    short: "The pair of classes that is mixed up most often: instances of the first that are predicted as the second.",
    more: "A count, not compared with chance.",
  },
  constant: {
    title: "constant",
    short: "Neurons that have the same value for every instance seen, and therefore say nothing about any of them.",
  },
  dead: {
    title: "dead",
    short:
      "Neurons with the same or nearly the same value for every instance seen, or never above zero before a ReLU. " +
      "“Since” is the step at which they died.",
    more: "Exact, from the statistics over all instances. Neurons that were so from the first step are dead from the start.",
  },
  decodable: {
    title: "decodable",
    short: "A column that a layer knows beyond what the label says: its value can be read from the activations.",
    more:
      "Balanced accuracy of a ridge regression on held-out instances, against values shuffled within the label. " +
      "It says what the model knows, not that it uses it.",
  },
  drift: {
    title: "drift",
    short: "A layer whose representation keeps moving away from where it was.",
    more: "1 − CKA between steps.",
  },
  duplicates: {
    title: "duplicates",
    short: "Evaluation instances that are in the training data, too. They do not test the model.",
    more: "Found by a hash of their content first, then by distance.",
  },
  "dead share": {
    title: "dead share",
    short:
      "The share of a layer's neurons that give nothing but 0 over a whole training batch; where a ReLU follows, nothing above 0.",
  },
  "effect of zero": {
    title: "effect at zero",
    short:
      "How much the mean margin of the errors would change, in logits, if this neuron were zero. The margin is the logit of the " +
      "label minus the highest other. Large values: the neuron pulls these instances away from their labels.",
    more: "From gradients where they were logged, else estimated by a ridge regression of the logits on the layer.",
  },
  "effect on the margin": {
    title: "effect on the margin",
    short:
      "How much the margin would change, in logits, if this neuron had another value: its mean over the class or, of a row, over " +
      "all instances. The margin is the logit of the label minus the highest other; above zero, the prediction is right.",
    more:
      "Estimated (hollow bars): from gradients where they were logged, else by a ridge regression of the logits on the layer; " +
      "R² says how well that fits, and below 0.95 the estimate is unreliable. Tried (solid bars): set in the model and run.",
  },
  "effect size": {
    title: "effect size g",
    short:
      "How far apart two groups are on a neuron: the difference of their means, in standard deviations. 0.8 is " +
      "usually called large; beyond 2, the groups hardly overlap.",
    more:
      "Hedges' g: pooled standard deviation, corrected for small groups. Positive where the first group is " +
      "higher.",
  },
  "error region": {
    title: "error region",
    short:
      "Instances that lie together in a layer and are wrong more often than their scores explain. No column describes them.",
    more: "Errors gather in good models, too: p is the share of them with a region as strong.",
  },
  exact: {
    title: "exact",
    short: "Counted over everything there is: nothing was left to chance, so there is no p.",
  },
  exploding: {
    title: "exploding",
    short: "A layer whose activations are not finite, or have grown at least tenfold.",
    more: "The size is the root mean square over all instances seen.",
  },
  "failing slice": {
    title: "failing slice",
    short: "A condition on the columns, or two, under which more instances are wrong than their labels explain.",
    more: "Expected is what the same labels have outside it. All conditions are tried, and p counts that.",
  },
  "false discovery": {
    title: "q",
    short: "The share of false positives to expect among the neurons from the top of the list down to this one.",
    more: "Benjamini–Hochberg correction of the p-values of Welch's t-test, over all neurons of the layer.",
  },
  gradient: {
    title: "gradient",
    short:
      "The L2 norm of the gradient of a layer's own parameters, as the optimizer gets it: accumulated, unscaled, clipped. " +
      "Where it vanishes, the layer does not learn; where it jumps, the next update does harm.",
  },
  kept: {
    title: "kept",
    short:
      "Instances whose activations are stored one by one. Statistics of classes and declared subsets use all " +
      "instances seen.",
    more: "They are a uniform random sample, the same at every step. `sample=` sets how many are kept.",
  },
  kurtosis: {
    title: "kurtosis",
    short:
      "How much of a layer's variance comes from few extreme values: 3 for a normal distribution; in the hundreds, " +
      "single values outweigh all the others.",
  },
  "label score": {
    title: "p(label)",
    short: "The probability that the model gives to the instance's own label.",
  },
  "label suspect": {
    title: "label suspect",
    short:
      "Instances whose label the model contradicts, and so do their nearest neighbours. A list to look at, not a verdict.",
    more:
      "The label is wrong with a probability of 0.9 or more, by how often the model is as sure and wrong, and at least " +
      "nine of the ten nearest neighbours have other labels.",
  },
  loss: {
    title: "loss",
    short: "How far off the prediction is: cross-entropy for classes, squared error for numbers.",
  },
  "nearest mean": {
    title: "nearest mean",
    short:
      "How well a layer tells classes, or A and B, apart: the share of instances whose activations are nearer to the mean " +
      "of their own class than to any other, each class counting the same. The bold layer is the first that is as good as the best.",
    more:
      "Of five parts of the instances each is decided by the means of the other four. As good: within one standard error. " +
      "A closed module has the figure of its last layer.",
  },
  "never above zero": {
    title: "never above zero",
    short: "Neurons whose value is zero or less for every instance seen. Behind a ReLU, they pass nothing on.",
  },
  nonfinite: {
    title: "NaN or infinite",
    short: "Values that are not finite numbers. They are left out of all statistics.",
  },
  "p-value": {
    title: "p",
    short: "The chance that something as strong turns up anywhere among all candidates when there is nothing to find.",
    more:
      "From shuffles within the label. The candidates and shuffles are in the sentence. “–”: not compared with " +
      "chance.",
  },
  paired: {
    title: "paired by correlation",
    short:
      "The neurons of two runs have no common order. So each stands beside the neuron of the other run that behaves " +
      "most like it over the instances that both kept, and each is in one pair only.",
    more:
      "The pair of largest Pearson correlation comes first, then the largest of those that are left. " +
      "The r beside it is the median of the pairs; at 1, two neurons differ in scale and offset only.",
  },
  PCA: {
    title: "PCA",
    short:
      "Shows the instances in the plane in which their activations vary most. The axes say how much of the " +
      "variance each of them explains.",
    more: "Principal component analysis of the layer's activations. Far apart here means far apart in the layer.",
  },
  peak: {
    title: "peak",
    short: "Where in an instance a neuron has its largest value: a token, a place in an image, a moment of a sound.",
    more: "Tokens are counted from 0 without padding, rows and columns from 0.",
  },
  range: {
    title: "0–1 over the rows",
    short:
      "Where a row's value lies between the lowest (0) and the highest (1) of all rows shown, for each neuron " +
      "separately.",
  },
  "rank error": {
    title: "rank error",
    short:
      "How much higher (+) or lower (−) the model ranks the instance than its label does, as a share of all " +
      "instances.",
    more: "The rank of the score minus the rank of the label; equal values share their mean rank.",
  },
  score: {
    title: "score",
    short: "The probability that the model gives to its prediction; for a ranking, the model's own score.",
  },
  "share active": {
    title: "share active",
    short: "The share of instances for which the neuron's activation is above zero.",
  },
  shortcut: {
    title: "shortcut",
    short:
      "A condition on the columns under which instances of other classes are taken for one class far more often than without it.",
    more: "p is that of the strongest over all conditions and classes.",
  },
  "spatial mean": {
    title: "spatial mean",
    short: "The mean over all positions of a feature map: one number per channel and instance.",
    more: "Other reducers are the maximum, the first or the last token, or your own function (`reducer=`).",
  },
  spike: {
    title: "spike",
    short:
      "A jump: between two steps a layer's representation moved at least three times as far as just before and just after.",
    more: "1 − CKA, over up to 256 instances. The first and the last step cannot be judged.",
  },
  "standard deviation": {
    title: "sd",
    short: "Standard deviation: how far instances typically are from the mean.",
  },
  strength: {
    title: "strength",
    short:
      "How large a finding is, in its own unit: the share of a layer's neurons, of the errors, of the variance. The bar runs from 0 to 1.",
    more: "What is broken is listed first, then what to look at, then what the model knows.",
  },
  strip: {
    title: "mean ÷ layer's largest",
    short: "Each neuron's mean over all instances, as a share of the largest mean in its layer.",
    more: "It shows which neurons of a layer are in use, whatever the scale of its values.",
  },
  "t-SNE": {
    title: "t-SNE",
    short: "Places instances with similar activations close together. Distances between clusters mean nothing.",
    more: "Computed from the first 50 principal components. Each step starts from the layout of the step before.",
  },
  update: {
    title: "update ÷ weight",
    short:
      "How far one step of the optimizer moves a layer: the L2 norm of the change of its own parameters, divided by their norm " +
      "before. About 0.001 is usual; far more breaks what was learned, far less learns nothing.",
  },
  "z over the rows": {
    title: "z over the rows",
    short:
      "How far a row's value is from the mean of all rows shown, for this neuron, in standard deviations of the " +
      "rows. Blue is more, brown is less, and zero has the colour of the page.",
    more:
      "Adding a row changes it. In “why not”, the drawer measures within a class instead, and adds the name of " +
      "the class to z.",
  },
  "z within a class": {
    title: "z within a class",
    short:
      "How far this instance is from the mean of a class, in standard deviations of that class. Beyond ±2 is " +
      "unusual.",
    more: "The matrix measures over its rows instead; that is z over the rows.",
  },
};
