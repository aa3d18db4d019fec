"""The models of transformers in the zoo, each by its name: what a new version of transformers lacks is missed, not left out."""

from typing import Any

#: Attributes of configurations that cannot be shrunk by their names alone.
OWN: dict[str, dict[str, Any]] = {
    "big_bird": {"attention_type": "original_full"},
    "bigbird_pegasus": {"attention_type": "original_full"},
    "bit": {"num_groups": 4},
    "convnext": {"image_size": 64},
    "convnextv2": {"image_size": 64},
    "cvt": {"depth": [1, 2, 3]},
    "deepseek_v2": {"num_experts_per_tok": 2},
    "deepseek_v3": {
        "qk_rope_head_dim": 8,
        "head_dim": 8,
        "qk_nope_head_dim": 8,
        "v_head_dim": 8,
        "kv_lora_rank": 8,
        "q_lora_rank": 8,
    },
    "donut-swin": {"patch_size": 4, "window_size": 4, "depths": [1, 1], "num_heads": [2, 2]},
    "efficientnet": {"width_coefficient": 0.1, "depth_coefficient": 0.1, "hidden_dim": 128},
    "esm": {"vocab_size": 60, "pad_token_id": 0, "mask_token_id": 5},
    "gpt_neo": {"attention_types": [[["global", "local"], 1]]},
    "gptj": {"rotary_dim": 2},
    "hunyuan_v1_dense": {"head_dim": 8},
    "hunyuan_v1_moe": {"head_dim": 8, "num_experts": 4, "moe_topk": 2},
    "jamba": {"attn_layer_period": 2, "attn_layer_offset": 1, "expert_layer_period": 2, "expert_layer_offset": 1},
    "luke": {"entity_vocab_size": 20, "entity_emb_size": 8},
    "ministral": {"head_dim": 8, "num_key_value_heads": 2},
    "mobilenet_v1": {"depth_multiplier": 0.05, "min_depth": 4},
    "mobilenet_v2": {"depth_multiplier": 0.05, "min_depth": 4, "depth_divisible_by": 4},
    "nemotron": {"head_dim": 8, "num_key_value_heads": 2},
    "pegasus_x": {"block_size": 4},
    "perceiver": {
        "num_latents": 8,
        "d_latents": 16,
        "num_blocks": 1,
        "num_self_attends_per_block": 2,
        "num_self_attention_heads": 2,
        "num_cross_attention_heads": 2,
    },
    "qwen3_5_text": {"layer_types": ["linear_attention", "full_attention"]},
    "qwen3_next": {"layer_types": ["linear_attention", "full_attention"]},
    "reformer": {"axial_pos_embds": False, "attn_layers": ["local", "local"], "local_attn_chunk_length": 4},
    "roc_bert": {"pronunciation_vocab_size": 60, "shape_vocab_size": 60},
    "swin": {"patch_size": 4, "window_size": 4, "depths": [1, 1], "num_heads": [2, 2]},
    "swinv2": {
        "patch_size": 4,
        "window_size": 4,
        "depths": [1, 1],
        "num_heads": [2, 2],
        "pretrained_window_sizes": [0, 0],
    },
    "t5": {"decoder_start_token_id": 0},
    "xmod": {"default_language": "en_XX"},
}

#: Modules inside of experts get the rows that are routed to them, in another order than that of the instances.
_ROUTED = r".*\.experts\.act_fn"
LOST = {
    "jetmoe": r".*\.(input_linear|output_linear)|.*\.mlp\.activation",
    "xmod": r".*\.adapter_modules\..*",
}


def lost(kind: str) -> str:
    """Modules that models of a kind route single rows to, as a regular expression."""
    return LOST.get(kind, _ROUTED)


def _names(text: str) -> list[str]:
    return text.split()


ENCODERS = _names("""
AlbertForSequenceClassification BertForSequenceClassification BigBirdForSequenceClassification
CamembertForSequenceClassification CanineForSequenceClassification ConvBertForSequenceClassification
Data2VecTextForSequenceClassification DebertaForSequenceClassification DebertaV2ForSequenceClassification
DistilBertForSequenceClassification ElectraForSequenceClassification ErnieForSequenceClassification
EsmForSequenceClassification EuroBertForSequenceClassification FlaubertForSequenceClassification
FNetForSequenceClassification FunnelForSequenceClassification IBertForSequenceClassification
LayoutLMForSequenceClassification LongformerForSequenceClassification
LukeForSequenceClassification MegatronBertForSequenceClassification MobileBertForSequenceClassification
ModernBertForSequenceClassification MPNetForSequenceClassification MraForSequenceClassification
NomicBertForSequenceClassification NystromformerForSequenceClassification PerceiverForSequenceClassification
ReformerForSequenceClassification RemBertForSequenceClassification RobertaForSequenceClassification
RobertaPreLayerNormForSequenceClassification RoCBertForSequenceClassification RoFormerForSequenceClassification
SqueezeBertForSequenceClassification TapasForSequenceClassification XLMForSequenceClassification
XLMRobertaForSequenceClassification XLMRobertaXLForSequenceClassification XLNetForSequenceClassification
XmodForSequenceClassification YosoForSequenceClassification
""")

DECODERS = _names("""
ArceeForSequenceClassification BioGptForSequenceClassification BloomForSequenceClassification
CTRLForSequenceClassification DeepseekV2ForSequenceClassification DeepseekV3ForSequenceClassification
DiffLlamaForSequenceClassification DogeForSequenceClassification Exaone4ForSequenceClassification
FalconForSequenceClassification GemmaForSequenceClassification Gemma2ForSequenceClassification
Gemma3TextForSequenceClassification GlmForSequenceClassification Glm4ForSequenceClassification
GPT2ForSequenceClassification GPTBigCodeForSequenceClassification GPTNeoForSequenceClassification
GPTNeoXForSequenceClassification GPTJForSequenceClassification GptOssForSequenceClassification
HeliumForSequenceClassification HunYuanDenseV1ForSequenceClassification JambaForSequenceClassification
JetMoeForSequenceClassification LlamaForSequenceClassification MiniMaxForSequenceClassification
MinistralForSequenceClassification MistralForSequenceClassification MixtralForSequenceClassification
ModernBertDecoderForSequenceClassification MptForSequenceClassification NemotronForSequenceClassification
OlmoForCausalLM Olmo2ForSequenceClassification OPTForSequenceClassification PersimmonForSequenceClassification
PhiForSequenceClassification Phi3ForSequenceClassification PhimoeForSequenceClassification
Qwen2ForSequenceClassification Qwen2MoeForSequenceClassification Qwen3ForSequenceClassification
Qwen3MoeForSequenceClassification Qwen3NextForSequenceClassification SmolLM3ForSequenceClassification
StableLmForSequenceClassification Starcoder2ForSequenceClassification
GPT2LMHeadModel LlamaForCausalLM Qwen3ForCausalLM MixtralForCausalLM MambaForCausalLM RwkvForCausalLM
""")

OTHER_TEXTS = _names("""
BertForMaskedLM RobertaForMaskedLM BertForTokenClassification DebertaV2ForTokenClassification
BertForQuestionAnswering XLNetForQuestionAnsweringSimple BertForNextSentencePrediction GPT2DoubleHeadsModel
""")

SEQUENCE_TO_SEQUENCE = _names("""
BartForConditionalGeneration BigBirdPegasusForConditionalGeneration BlenderbotForConditionalGeneration
BlenderbotSmallForConditionalGeneration FSMTForConditionalGeneration LEDForConditionalGeneration
M2M100ForConditionalGeneration MarianMTModel MBartForConditionalGeneration MT5ForConditionalGeneration
MvpForConditionalGeneration NllbMoeForConditionalGeneration PegasusForConditionalGeneration
PegasusXForConditionalGeneration PLBartForConditionalGeneration ProphetNetForConditionalGeneration
SwitchTransformersForConditionalGeneration T5ForConditionalGeneration T5GemmaForConditionalGeneration
UMT5ForConditionalGeneration BartForSequenceClassification MBartForSequenceClassification
T5ForSequenceClassification
""")

IMAGES = _names("""
BeitForImageClassification BitForImageClassification CLIPForImageClassification ConvNextForImageClassification
ConvNextV2ForImageClassification CvtForImageClassification Data2VecVisionForImageClassification
DeiTForImageClassification Dinov2ForImageClassification Dinov2WithRegistersForImageClassification
DonutSwinForImageClassification EfficientNetForImageClassification FocalNetForImageClassification
HieraForImageClassification IJepaForImageClassification MobileNetV1ForImageClassification
MobileNetV2ForImageClassification MobileViTForImageClassification PoolFormerForImageClassification
PvtV2ForImageClassification RegNetForImageClassification ResNetForImageClassification
SegformerForImageClassification SiglipForImageClassification SwiftFormerForImageClassification
SwinForImageClassification Swinv2ForImageClassification ViTForImageClassification ViTMSNForImageClassification
VideoMAEForVideoClassification VivitForVideoClassification TimesformerForVideoClassification
AltCLIPModel BlipModel ChineseCLIPModel CLIPModel CLIPSegModel SiglipModel
ViTModel ViTForMaskedImageModeling
""")

#: One of each kind of architecture: `make test` looks at these, `make nightly` at all.
EVERY_TIME = _names("""
AlbertForSequenceClassification BertForSequenceClassification CanineForSequenceClassification
DebertaV2ForSequenceClassification FNetForSequenceClassification
LongformerForSequenceClassification ModernBertForSequenceClassification
PerceiverForSequenceClassification ReformerForSequenceClassification XLNetForSequenceClassification
BloomForSequenceClassification FalconForSequenceClassification GPT2ForSequenceClassification
GPTNeoXForSequenceClassification Gemma2ForSequenceClassification GptOssForSequenceClassification
JambaForSequenceClassification LlamaForSequenceClassification MixtralForSequenceClassification
Qwen3NextForSequenceClassification LlamaForCausalLM MambaForCausalLM RwkvForCausalLM
BertForMaskedLM BertForTokenClassification BertForQuestionAnswering
BartForConditionalGeneration SwitchTransformersForConditionalGeneration
T5ForConditionalGeneration
BeitForImageClassification CLIPModel ConvNextForImageClassification
ResNetForImageClassification SegformerForImageClassification SwinForImageClassification ViTForImageClassification
VideoMAEForVideoClassification
ASTForAudioClassification Wav2Vec2ForSequenceClassification Wav2Vec2ForCTC WhisperForConditionalGeneration
""")

SOUNDS = _names("""
ASTForAudioClassification Data2VecAudioForSequenceClassification HubertForSequenceClassification
SEWForSequenceClassification SEWDForSequenceClassification UniSpeechForSequenceClassification
UniSpeechSatForSequenceClassification Wav2Vec2ForSequenceClassification
Wav2Vec2ConformerForSequenceClassification WavLMForSequenceClassification WhisperForAudioClassification
Wav2Vec2ForCTC HubertForCTC WavLMForCTC ParakeetForCTC WhisperForConditionalGeneration
Speech2TextForConditionalGeneration
""")
