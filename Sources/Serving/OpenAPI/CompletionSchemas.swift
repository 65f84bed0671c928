/// The schemas of `/v1/completions` and `/v1/chat/completions`.
enum CompletionSchemas {
    static let all: [JSONValue.Member] = requests + answers

    private static let string = OpenAPISchemas.string
    private static let integer = OpenAPISchemas.integer
    private static let number = OpenAPISchemas.number
    private static let boolean = OpenAPISchemas.boolean

    private static func object(
        _ name: String, required: [String] = [], _ properties: JSONValue
    ) -> JSONValue.Member {
        OpenAPISchemas.object(name, required: required, properties)
    }

    private static func bounded(
        _ type: String, _ minimum: JSONValue, _ maximum: JSONValue, default value: JSONValue? = nil
    ) -> JSONValue {
        OpenAPISchemas.bounded(type, minimum, maximum, default: value)
    }

    private static func described(_ schema: JSONValue, _ text: String) -> JSONValue {
        schema.with("description", .string(text))
    }

    static func parsesSpecial(_ fallback: String) -> JSONValue {
        described(
            boolean,
            "Whether names of control tokens (<|endoftext|>) in a text are those tokens, as "
                + "templates mean them, or letters, as people write them. Default: "
                + fallback + ".")
    }

    // MARK: requests

    private static let requests: [JSONValue.Member] = [
        object(
            "CreateCompletion", required: ["prompt"],
            JSONValue.object([]).with([
                "prompt": prompt,
                "parse_special": parsesSpecial(
                    "true, unless the prompt is learned from: what is learned from a text are its "
                        + "letters, and true is refused then"),
                "max_tokens": bounded("integer", 1, 1_000_000, default: 16),
                "logprobs": bounded("integer", 0, 20),
            ]).with(both)),
        object(
            "CreateChatCompletion", required: ["messages"],
            JSONValue.object([]).with([
                "messages": [
                    "type": "array", "items": ["$ref": "#/components/schemas/Message"],
                    "minItems": 1, "maxItems": .integer(ChatMessages.maximumMessages),
                ],
                "max_completion_tokens": bounded(
                    "integer", 1, 1_000_000, default: .integer(CompletionShape.chatTokens)),
                "max_tokens": described(
                    bounded("integer", 1, 1_000_000), "Where max_completion_tokens is not there."),
                "logprobs": boolean,
                "top_logprobs": bounded("integer", 0, 20),
                "response_format": responseFormat,
                "chat_template_kwargs": described(
                    ["type": "object"], "Variables for the core's chat template."),
                "tools": tools,
                "tool_choice": [
                    "description": .string(
                        "none, auto, required, or a function of the tools. Calls that must be made "
                            + "are drawn as the parameters' schemas allow."),
                    "oneOf": [
                        ["enum": ["none", "auto", "required"]],
                        [
                            "type": "object",
                            "properties": [
                                "type": ["const": "function"],
                                "function": ["type": "object", "properties": ["name": string]],
                            ],
                        ],
                    ],
                ],
                "parallel_tool_calls": described(boolean, "False: the first call alone is given."),
            ]).with(both)),
        object(
            "Message", required: ["role"],
            [
                "role": ["enum": ["system", "developer", "user", "assistant", "tool"]],
                "content": [
                    "description": .string(
                        "A text, or parts of text, each on a line of its own. Names of control "
                            + "tokens in it are letters. An assistant's may be missing where it "
                            + "called tools."),
                    "oneOf": [
                        string,
                        [
                            "type": "array",
                            "items": [
                                "type": "object", "required": ["type"],
                                "properties": [
                                    "type": ["enum": ["text", "refusal"]], "text": string,
                                    "refusal": string,
                                ],
                            ],
                        ],
                    ],
                ],
                "name": string, "tool_call_id": string, "reasoning_content": string,
                "tool_calls": ["type": "array", "items": ["type": "object"]],
            ]),
    ]

    private static let responseFormat: JSONValue = [
        "type": "object", "required": ["type"],
        "description": .string(
            "What the answer must be: each token is drawn among those that JSON, or the schema, "
                + "allows there. Of JSON Schema there are type, properties, required, "
                + "additionalProperties, items, minItems, maxItems, enum, const, anyOf, oneOf, "
                + "allOf of one, and $ref within the schema; others are refused by name. Objects "
                + "have the members that the schema names, in its order. An answer that "
                + "max_completion_tokens cuts off is no whole document."),
        "properties": [
            "type": ["enum": ["text", "json_object", "json_schema"]],
            "json_schema": [
                "type": "object",
                "properties": [
                    "name": string, "description": string, "strict": boolean,
                    "schema": ["type": "object"],
                ],
            ],
        ],
    ]

    private static let tools: JSONValue = [
        "type": "array", "maxItems": .integer(ToolUse.maximumTools),
        "description": .string(
            "Told to the model by the core's chat template; 422 where that knows no tools. Calls are "
                + "found in answers between <tool_call> and </tool_call>, where the template has "
                + "them written so; a stream gives an answer that may call in one piece."),
        "items": [
            "type": "object", "required": ["type", "function"],
            "properties": [
                "type": ["const": "function"],
                "function": [
                    "type": "object", "required": ["name"],
                    "properties": [
                        "name": string, "description": string, "parameters": ["type": "object"],
                        "strict": boolean,
                    ],
                ],
            ],
        ],
    ]

    private static let prompt: JSONValue = [
        "description": .string(
            "Several prompts are answered one after another. Where the request learns, by its "
                + "own word or its session's, they are refused (400) and have to be sent one by "
                + "one, so that an error status always means that nothing was learned."),
        "oneOf": [
            string, ["type": "array", "items": string], OpenAPISchemas.integers,
            ["type": "array", "items": OpenAPISchemas.integers],
        ],
    ]

    /// What both requests have.
    private static let both: JSONValue = [
        "model": string,
        "temperature": bounded("number", 0, 2, default: 1),
        "top_p": bounded("number", 0, 1, default: 1),
        "top_k": bounded("integer", -1, 1_000_000, default: 0),
        "min_p": bounded("number", 0, 1, default: 0),
        "repetition_penalty": bounded("number", 0.01, 10, default: 1),
        "frequency_penalty": described(
            bounded("number", -2, 2, default: 0), "Of the answer's own tokens."),
        "presence_penalty": described(
            bounded("number", -2, 2, default: 0), "Of the answer's own tokens."),
        "logit_bias": [
            "type": "object", "maxProperties": 1024,
            "additionalProperties": bounded("number", -100, 100),
            "description": "By token id.",
        ],
        "seed": integer,
        "n": bounded("integer", 1, 16, default: 1),
        "stop": [
            "oneOf": [string, ["type": "array", "items": string, "maxItems": 4]],
            "description": .string(
                "At most 1,024 UTF-8 bytes each. The answer ends before the first of these that is "
                    + "complete in it, compared code point by code point."),
        ],
        "stream": ["type": "boolean", "default": false],
        "stream_options": ["type": "object", "properties": ["include_usage": boolean]],
        "user": [
            "type": "string",
            "description": .string(
                "Whose model answers. Empty or absent: the key's user, or nobody in particular "
                    + "where there are no keys. Another user than the key's is not found, unless "
                    + "the key is an admin's."),
        ],
        "plasticity": [
            "type": "object", "additionalProperties": false,
            "properties": [
                "session": string, "mode": ["enum": ["adapted", "frozen", "compare"]],
                "learn": OpenAPISchemas.learn,
            ],
        ],
    ]

    // MARK: answers

    private static let usage: JSONValue = ["$ref": "#/components/schemas/Usage"]
    private static let usageInChunk: JSONValue = [
        "description":
            "With include_usage: null in every chunk but the last; without it there is none.",
        "oneOf": [usage, ["type": "null"]],
    ]
    private static let reason: JSONValue = ["enum": ["stop", "length", nil]]
    private static let chatReason: JSONValue = ["enum": ["stop", "length", "tool_calls", nil]]
    private static let calls: JSONValue = [
        "type": "array",
        "items": [
            "type": "object", "required": ["id", "type", "function"],
            "properties": [
                "index": described(integer, "In chunks."), "id": string,
                "type": ["const": "function"],
                "function": [
                    "type": "object", "required": ["name", "arguments"],
                    "properties": [
                        "name": string, "arguments": described(string, "JSON."),
                    ],
                ],
            ],
        ],
    ]
    private static let logprobs: JSONValue = ["type": ["object", "null"]]
    private static let mode: JSONValue = ["enum": ["adapted", "frozen"]]

    private static func answer(
        _ name: String, object kind: String, choices: String, usage: JSONValue
    ) -> JSONValue.Member {
        object(
            name, required: ["id", "object", "created", "model", "choices"],
            [
                "id": string, "object": ["const": .string(kind)], "created": integer,
                "model": string, "choices": OpenAPISchemas.array(of: choices), "usage": usage,
                "plasticity": ["$ref": "#/components/schemas/Plasticity"],
            ])
    }

    private static let answers: [JSONValue.Member] = [
        answer("Completion", object: "text_completion", choices: "Choice", usage: usage),
        answer(
            "CompletionChunk", object: "text_completion", choices: "Choice", usage: usageInChunk),
        answer("ChatCompletion", object: "chat.completion", choices: "ChatChoice", usage: usage),
        answer(
            "ChatCompletionChunk", object: "chat.completion.chunk", choices: "ChatDelta",
            usage: usageInChunk),
        object(
            "Choice", required: ["index", "text", "logprobs", "finish_reason"],
            [
                "index": integer, "text": string, "logprobs": logprobs, "finish_reason": reason,
                "plasticity_mode": mode,
            ]),
        object(
            "ChatChoice", required: ["index", "message", "logprobs", "finish_reason"],
            [
                "index": integer,
                "message": [
                    "type": "object", "required": ["role", "content", "refusal"],
                    "properties": [
                        "role": ["const": "assistant"],
                        "content": OpenAPISchemas.nullableString,
                        "refusal": ["type": "null"], "tool_calls": calls,
                    ],
                ],
                "logprobs": logprobs, "finish_reason": chatReason, "plasticity_mode": mode,
            ]),
        object(
            "ChatDelta", required: ["index", "delta", "logprobs", "finish_reason"],
            [
                "index": integer,
                "delta": [
                    "type": "object",
                    "description": "A choice's first one says who speaks, its last one is empty.",
                    "properties": [
                        "role": ["const": "assistant"],
                        "content": OpenAPISchemas.nullableString,
                        "refusal": ["type": "null"], "tool_calls": calls,
                    ],
                ],
                "logprobs": logprobs, "finish_reason": chatReason, "plasticity_mode": mode,
            ]),
        object(
            "Usage", required: ["prompt_tokens", "completion_tokens", "total_tokens"],
            ["prompt_tokens": integer, "completion_tokens": integer, "total_tokens": integer]),
        object(
            "Plasticity",
            required: [
                "session", "revision", "learned_tokens", "kl_mean", "kl_max", "strength_min",
                "revision_after",
            ],
            [
                "session": string, "mode": string, "revision": integer, "learned_tokens": integer,
                "kl_mean": number, "kl_max": number, "strength_min": number,
                "revision_after": integer, "paused": ["type": "array", "items": string],
                "event": string,
                "recalled": [
                    "type": "array",
                    "description": "What of the user's own words was remembered for the answer.",
                    "items": [
                        "type": "object", "required": ["saying", "weight"],
                        "properties": ["saying": string, "weight": number, "event": string],
                    ],
                ],
                "replayed": [
                    "type": "boolean",
                    "description": "An earlier request's answer, by its Idempotency-Key.",
                ],
            ]),
    ]
}
