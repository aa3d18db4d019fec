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
    short: "The output of one neuron for one instance. A layer with places or tokens gives one number per neuron.",
    more: "How many numbers became one stands beside the layer's name, as in “spatial mean”.",
  },
  AUC: {
    title: "AUC",
    short:
      "The chance that an instance of this class activates the neuron more than an instance of another class. " +
      "0.5 tells nothing, 1 tells the class from all others, 0 as well, with the sign turned round.",
    more: "The area under the ROC curve, over the kept instances; ties count half.",
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
    short: "Values too large for the 16-bit numbers in which activations are stored. They are stored as ±65,504.",
  },
  clusters: {
    title: "sorted by clusters",
    short: "Neurons that behave alike over the rows stand side by side, so that blocks can be seen.",
    more:
      "Average linkage of the z-scores over the rows, with the leaves in their best order. Of more than 2,048 neurons, " +
      "the order is that of the angle in the plane of the first two principal components.",
  },
  "effect size": {
    title: "effect size g",
    short:
      "How far apart two groups are on a neuron: the difference of their means, in standard deviations. " +
      "0.8 is usually called large; at 2 the groups hardly overlap.",
    more: "Hedges' g: pooled deviation, corrected for small groups. Positive where the first group is higher.",
  },
  "false discovery": {
    title: "q",
    short: "The share of false findings to expect among all neurons that are listed up to here.",
    more: "Benjamini and Hochberg's correction of the p-values of Welch's t test, over all neurons of the layer.",
  },
  kept: {
    title: "kept",
    short:
      "Instances whose activations are stored one by one. Statistics of classes and declared subsets are of all instances seen.",
    more: "They are a uniform sample, and the same instances at every step. `sample=` says how many are kept.",
  },
  "label score": {
    title: "p(label)",
    short: "The probability that the model gives to the instance's own label.",
  },
  loss: {
    title: "loss",
    short: "What the model pays for this prediction: cross entropy for classes, squared error for numbers.",
  },
  "never above zero": {
    title: "never above zero",
    short: "Neurons whose value is zero or less for every instance seen: behind a ReLU they pass nothing on.",
  },
  PCA: {
    title: "PCA",
    short:
      "The instances in the plane in which their activations differ most. The axes say how much of the variance they show.",
    more: "Principal component analysis of the layer's activations. Far apart here is far apart in the layer.",
  },
  range: {
    title: "0–1 over the rows",
    short: "A row's value between the lowest (0) and the highest (1) of all rows shown, for each neuron by itself.",
  },
  score: {
    title: "score",
    short: "The probability that the model gives to its prediction; for a ranking, the model's own score.",
  },
  "share active": {
    title: "share active",
    short: "The share of instances for which the neuron is above zero.",
  },
  "spatial mean": {
    title: "spatial mean",
    short: "The mean over all places of a feature map: one number per channel and instance.",
    more: "Other reducers are the largest value, the first or last token, or your own function (`reduce=`).",
  },
  "standard deviation": {
    title: "sd",
    short: "Standard deviation: how far single instances usually are from the mean.",
  },
  strip: {
    title: "mean ÷ layer's largest",
    short: "Each neuron's mean over all instances, as a share of the largest mean in its layer.",
    more: "So a strip shows which neurons of a layer are used, whatever the size of its values.",
  },
  "t-SNE": {
    title: "t-SNE",
    short: "Puts instances with similar activations side by side. Distances between clusters mean nothing.",
    more: "From the first 50 principal components; along the steps it starts from the layout of the step before.",
  },
  "z over the rows": {
    title: "z over the rows",
    short:
      "How far a row's value is from the mean of all rows shown, for this neuron, in standard deviations of the rows. " +
      "Blue is more, brown is less, zero is the page.",
    more: "Adding a row changes it. In “why not” the drawer measures within a class, and writes z with the class's name.",
  },
  "z within a class": {
    title: "z within a class",
    short:
      "How far this instance is from the mean of a class, in standard deviations of that class. Beyond ±2 is unusual.",
    more: "The matrix measures over its rows instead, and calls that z over the rows.",
  },
};
