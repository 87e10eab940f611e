"""Why a base model cannot be read, as one sentence for people."""

NEEDS_CODE = (
    "{model} brings its own Python code, which is not run here; "
    "choose a model that transformers knows by itself"
)


def explain(error: Exception, base_model: str, what: str) -> str:
    """What is wrong, and what to do, as one sentence for people."""
    from huggingface_hub import errors

    chain = causes(error)
    text = str(error)
    if any(isinstance(cause, errors.GatedRepoError) for cause in chain) or "gated repo" in text:
        return (
            f"{base_model} is gated: accept its terms on huggingface.co, and put a token that may "
            "read it (HF_TOKEN) into the daemon's environment"
        )
    if any(isinstance(cause, errors.RepositoryNotFoundError) for cause in chain):
        return (
            f"the Hugging Face Hub knows no {base_model}, or only those who are logged in may see "
            "it; check the name, or put a token (HF_TOKEN) into the daemon's environment"
        )
    if any(isinstance(cause, errors.HFValidationError) for cause in chain):
        return f"{base_model} is neither a folder here nor the id of a model on the Hub"
    if "trust_remote_code" in text:
        return NEEDS_CODE.format(model=base_model)
    if is_unreachable(chain):
        return f"no connection to the Hugging Face Hub, and {base_model} is not in the local cache"
    return f"the {what} of {base_model} cannot be read: {one_line(error)}"


def causes(error: BaseException | None) -> list[BaseException]:
    """The error and what it came from."""
    chain: list[BaseException] = []
    while error is not None and error not in chain:
        chain.append(error)
        error = error.__cause__ or error.__context__
    return chain


def is_unreachable(chain: list[BaseException]) -> bool:
    """Whether the error is about the way to the Hub, not about the model."""
    import httpx
    from huggingface_hub import errors

    kinds = (
        errors.LocalEntryNotFoundError,
        errors.OfflineModeIsEnabled,
        httpx.TransportError,
        ConnectionError,
    )
    # The Hub's client closes itself after a failure, and a second try tells only of that.
    words = ("couldn't connect", "client has been closed")
    texts = [str(cause) for cause in chain]
    return any(isinstance(cause, kinds) for cause in chain) or any(
        word in text for word in words for text in texts
    )


def one_line(error: BaseException) -> str:
    """The error's text on one line, not too long."""
    return " ".join(str(error).split())[:300]
