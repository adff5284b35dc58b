//! The fields of Gemini's requests, as its discovery document of March 2026 lists them, with what its SDK has added since.

use super::{
    Kind::{
        Any, Encoded, Int32, Int64, Named, Number, Object, Objects, Struct, Switch, Text, Texts,
        Word, Words,
    },
    Shape,
};

/// `generateContent` and `streamGenerateContent`.
pub(in crate::gemini) static GENERATE: Shape = Shape(&[
    ("model", Text),
    ("systemInstruction", Object(&CONTENT)),
    ("contents", Objects(&CONTENT)),
    ("tools", Objects(&TOOL)),
    ("toolConfig", Object(&TOOL_CONFIG)),
    ("safetySettings", Objects(&SAFETY)),
    ("generationConfig", Object(&CONFIG)),
    ("cachedContent", Text),
    ("continuationToken", Text),
    (
        "serviceTier",
        Word(&[
            "SERVICE_TIER_UNSPECIFIED",
            "SERVICE_TIER_STANDARD",
            "SERVICE_TIER_FLEX",
            "SERVICE_TIER_PRIORITY",
            "standard",
            "flex",
            "priority",
        ]),
    ),
    ("store", Switch),
]);

/// `countTokens`.
pub(in crate::gemini) static COUNT_TOKENS: Shape = Shape(&[
    ("contents", Objects(&CONTENT)),
    ("generateContentRequest", Object(&GENERATE)),
]);

/// `embedContent`.
pub(in crate::gemini) static EMBED: Shape = Shape(&[
    ("model", Text),
    ("content", Object(&CONTENT)),
    ("taskType", Word(TASKS)),
    ("title", Text),
    ("outputDimensionality", Int32),
    ("embedContentConfig", Object(&EMBED_CONFIG)),
]);

/// `batchEmbedContents`.
pub(in crate::gemini) static BATCH_EMBED: Shape = Shape(&[("requests", Objects(&EMBED))]);

static EMBED_CONFIG: Shape = Shape(&[
    ("taskType", Word(TASKS)),
    ("title", Text),
    ("outputDimensionality", Int32),
]);

const TASKS: &[&str] = &[
    "TASK_TYPE_UNSPECIFIED",
    "RETRIEVAL_QUERY",
    "RETRIEVAL_DOCUMENT",
    "SEMANTIC_SIMILARITY",
    "CLASSIFICATION",
    "CLUSTERING",
    "QUESTION_ANSWERING",
    "FACT_VERIFICATION",
    "CODE_RETRIEVAL_QUERY",
];

static CONTENT: Shape = Shape(&[("parts", Objects(&PART)), ("role", Text)]);

static PART: Shape = Shape(&[
    ("text", Text),
    ("inlineData", Object(&BLOB)),
    ("functionCall", Object(&FUNCTION_CALL)),
    ("functionResponse", Object(&FUNCTION_RESPONSE)),
    ("fileData", Object(&FILE_DATA)),
    ("executableCode", Object(&EXECUTABLE_CODE)),
    ("codeExecutionResult", Object(&CODE_RESULT)),
    ("toolCall", Object(&SERVER_TOOL_CALL)),
    ("toolResponse", Object(&SERVER_TOOL_RESPONSE)),
    ("videoMetadata", Object(&VIDEO_METADATA)),
    ("thought", Switch),
    ("thoughtSignature", Encoded),
    ("partMetadata", Struct),
    ("mediaResolution", Object(&PART_RESOLUTION)),
]);

static PART_RESOLUTION: Shape = Shape(&[
    (
        "level",
        Word(&[
            "MEDIA_RESOLUTION_UNSPECIFIED",
            "MEDIA_RESOLUTION_LOW",
            "MEDIA_RESOLUTION_MEDIUM",
            "MEDIA_RESOLUTION_HIGH",
            "MEDIA_RESOLUTION_ULTRA_HIGH",
        ]),
    ),
    ("numTokens", Int32),
]);

static BLOB: Shape = Shape(&[("mimeType", Text), ("data", Encoded)]);

static FILE_DATA: Shape = Shape(&[("mimeType", Text), ("fileUri", Text)]);

static FUNCTION_CALL: Shape = Shape(&[("id", Text), ("name", Text), ("args", Struct)]);

static FUNCTION_RESPONSE: Shape = Shape(&[
    ("id", Text),
    ("name", Text),
    ("response", Struct),
    ("parts", Objects(&FUNCTION_RESPONSE_PART)),
    ("willContinue", Switch),
    (
        "scheduling",
        Word(&["SCHEDULING_UNSPECIFIED", "SILENT", "WHEN_IDLE", "INTERRUPT"]),
    ),
]);

static FUNCTION_RESPONSE_PART: Shape = Shape(&[
    ("inlineData", Object(&BLOB)),
    ("fileData", Object(&FILE_DATA)),
]);

static EXECUTABLE_CODE: Shape = Shape(&[
    ("id", Text),
    ("language", Word(&["LANGUAGE_UNSPECIFIED", "PYTHON"])),
    ("code", Text),
]);

static CODE_RESULT: Shape = Shape(&[
    ("id", Text),
    (
        "outcome",
        Word(&[
            "OUTCOME_UNSPECIFIED",
            "OUTCOME_OK",
            "OUTCOME_FAILED",
            "OUTCOME_DEADLINE_EXCEEDED",
        ]),
    ),
    ("output", Text),
]);

static SERVER_TOOL_CALL: Shape = Shape(&[("id", Text), ("toolType", Text), ("args", Struct)]);

static SERVER_TOOL_RESPONSE: Shape =
    Shape(&[("id", Text), ("toolType", Text), ("response", Struct)]);

static VIDEO_METADATA: Shape =
    Shape(&[("startOffset", Text), ("endOffset", Text), ("fps", Number)]);

static TOOL: Shape = Shape(&[
    ("functionDeclarations", Objects(&FUNCTION)),
    ("googleSearchRetrieval", Struct),
    ("codeExecution", Struct),
    ("googleSearch", Struct),
    ("computerUse", Struct),
    ("urlContext", Struct),
    ("fileSearch", Struct),
    ("mcpServers", Any),
    ("googleMaps", Struct),
]);

static FUNCTION: Shape = Shape(&[
    ("name", Text),
    ("description", Text),
    ("parameters", Object(&SCHEMA)),
    ("parametersJsonSchema", Any),
    ("response", Object(&SCHEMA)),
    ("responseJsonSchema", Any),
    (
        "behavior",
        Word(&["UNSPECIFIED", "BLOCKING", "NON_BLOCKING"]),
    ),
]);

static SCHEMA: Shape = Shape(&[
    (
        "type",
        Word(&[
            "TYPE_UNSPECIFIED",
            "STRING",
            "NUMBER",
            "INTEGER",
            "BOOLEAN",
            "ARRAY",
            "OBJECT",
            "NULL",
        ]),
    ),
    ("format", Text),
    ("title", Text),
    ("description", Text),
    ("nullable", Switch),
    ("enum", Texts),
    ("items", Object(&SCHEMA)),
    ("maxItems", Int64),
    ("minItems", Int64),
    ("properties", Named(&SCHEMA)),
    ("required", Texts),
    ("minProperties", Int64),
    ("maxProperties", Int64),
    ("minimum", Number),
    ("maximum", Number),
    ("minLength", Int64),
    ("maxLength", Int64),
    ("pattern", Text),
    ("example", Any),
    ("anyOf", Objects(&SCHEMA)),
    ("propertyOrdering", Texts),
    ("default", Any),
]);

static TOOL_CONFIG: Shape = Shape(&[
    ("functionCallingConfig", Object(&CALLING_CONFIG)),
    ("retrievalConfig", Struct),
    ("includeServerSideToolInvocations", Switch),
]);

static CALLING_CONFIG: Shape = Shape(&[
    (
        "mode",
        Word(&["MODE_UNSPECIFIED", "AUTO", "ANY", "NONE", "VALIDATED"]),
    ),
    ("allowedFunctionNames", Texts),
]);

static SAFETY: Shape = Shape(&[
    (
        "category",
        Word(&[
            "HARM_CATEGORY_HARASSMENT",
            "HARM_CATEGORY_HATE_SPEECH",
            "HARM_CATEGORY_SEXUALLY_EXPLICIT",
            "HARM_CATEGORY_DANGEROUS_CONTENT",
            "HARM_CATEGORY_CIVIC_INTEGRITY",
        ]),
    ),
    (
        "threshold",
        Word(&[
            "HARM_BLOCK_THRESHOLD_UNSPECIFIED",
            "BLOCK_LOW_AND_ABOVE",
            "BLOCK_MEDIUM_AND_ABOVE",
            "BLOCK_ONLY_HIGH",
            "BLOCK_NONE",
            "OFF",
        ]),
    ),
]);

static CONFIG: Shape = Shape(&[
    ("candidateCount", Int32),
    ("stopSequences", Texts),
    ("maxOutputTokens", Int32),
    ("temperature", Number),
    ("topP", Number),
    ("topK", Int32),
    ("seed", Int32),
    ("responseMimeType", Text),
    ("responseSchema", Object(&SCHEMA)),
    ("_responseJsonSchema", Any),
    ("responseJsonSchema", Any),
    ("presencePenalty", Number),
    ("frequencyPenalty", Number),
    ("responseLogprobs", Switch),
    ("logprobs", Int32),
    ("enableEnhancedCivicAnswers", Switch),
    (
        "responseModalities",
        Words(&["MODALITY_UNSPECIFIED", "TEXT", "IMAGE", "AUDIO"]),
    ),
    ("speechConfig", Struct),
    ("thinkingConfig", Object(&THINKING_CONFIG)),
    ("imageConfig", Struct),
    (
        "mediaResolution",
        Word(&[
            "MEDIA_RESOLUTION_UNSPECIFIED",
            "MEDIA_RESOLUTION_LOW",
            "MEDIA_RESOLUTION_MEDIUM",
            "MEDIA_RESOLUTION_HIGH",
        ]),
    ),
]);

static THINKING_CONFIG: Shape = Shape(&[
    ("includeThoughts", Switch),
    ("thinkingBudget", Int32),
    (
        "thinkingLevel",
        Word(&[
            "THINKING_LEVEL_UNSPECIFIED",
            "MINIMAL",
            "LOW",
            "MEDIUM",
            "HIGH",
            "XHIGH",
        ]),
    ),
]);
