"""What OpenAI's official client does with a clipgend: openai_client.py BASE_URL. Exits 1 if anything is amiss."""
import base64
import io
import math
import sys

import openai

client = openai.OpenAI(base_url=sys.argv[1], api_key="none", max_retries=0)


def refused(kind, status, param, call):
    try:
        call()
    except kind as error:
        assert error.status_code == status, error
        assert error.param == param, error
        assert error.body["message"], error
        return
    raise AssertionError(f"not refused: {param}")


def file_of(image):
    return base64.b64decode(image.b64_json)


def models():
    names = [model.id for model in client.models.list()]
    assert len(names) == 1, names
    assert client.models.retrieve(names[0]).owned_by == "clipgen"
    refused(openai.NotFoundError, 404, "model", lambda: client.models.retrieve("dall-e-2"))
    return names[0]


def pictures(model):
    answer = client.images.generate(model=model, prompt="a cat", n=2, size="1024x1024", quality="hd",
                                    user="somebody", extra_body={"seed": 7})
    assert answer.created > 1700000000 and answer.output_format == "png"
    assert [file_of(image)[:4] for image in answer.data] == [b"\x89PNG"] * 2
    assert answer.usage.total_tokens == answer.usage.input_tokens + answer.usage.output_tokens
    again = client.images.generate(prompt="a cat", extra_body={"seed": 8})
    assert file_of(again.data[0]) == file_of(answer.data[1]), "seed 8 is the second of seed 7"
    webp = client.images.generate(prompt="a cat", output_format="webp", output_compression=50)
    assert file_of(webp.data[0])[8:12] == b"WEBP"
    url = client.images.generate(prompt="a cat", response_format="url").data[0].url
    assert url.startswith("data:image/png;base64,iVBOR"), url[:40]
    negative = client.images.generate(prompt="a cat", extra_body={
        "seed": 7, "negative_prompt": "a hat", "guidance_scale": 3})
    assert file_of(negative.data[0]) != file_of(answer.data[0])
    return answer.data[0]


def stream():
    plain = client.images.generate(prompt="a cat", extra_body={"seed": 7})
    events = list(client.images.generate(prompt="a cat", stream=True, partial_images=2,
                                         extra_body={"seed": 7}))
    partials, last = events[:-1], events[-1]
    assert len(partials) <= 2, len(partials)  # fewer when drawing is quicker than the client
    for i, event in enumerate(partials):
        assert event.type == "image_generation.partial_image" and event.partial_image_index == i
        assert file_of(event)[:4] == b"\x89PNG" and event.size == last.size
    assert last.type == "image_generation.completed" and last.usage.output_tokens > 0
    assert file_of(last) == file_of(plain.data[0]), "the stream ends in another picture"
    long = client.images.generate(prompt="a cat", stream=True, partial_images=2,
                                  extra_body={"candidates": 48})
    assert [event for event in long if event.type == "image_generation.partial_image"]
    both = [event.image_index for event in client.images.generate(prompt="a cat", n=2, stream=True)]
    assert both == [0, 1], both


def variations(picture):
    answer = client.images.create_variation(image=io.BytesIO(file_of(picture)), n=2, size="256x256",
                                            extra_body={"seed": 3})
    assert len(answer.data) == 2
    again = client.images.create_variation(image=file_of(picture), extra_body={"seed": 4})
    assert file_of(again.data[0]) == file_of(answer.data[1])


def refusals():
    generate = client.images.generate
    refused(openai.BadRequestError, 400, "n", lambda: generate(prompt="a cat", n=17))
    refused(openai.BadRequestError, 400, "size", lambda: generate(prompt="a cat", size="huge"))
    refused(openai.NotFoundError, 404, "model", lambda: generate(prompt="a cat", model="gpt-image-1"))
    refused(openai.BadRequestError, 400, "n", lambda: generate(prompt="a cat", n=17, stream=True))
    refused(openai.BadRequestError, 400, "image",
            lambda: client.images.create_variation(image=b"GIF89a"))


def embeddings():
    answer = client.embeddings.create(model=client.models.list().data[0].id, input=["a cat", "a dog"])
    plain = client.embeddings.create(model="", input="a cat", encoding_format="float")
    a, b = (data.embedding for data in answer.data)  # the client asks for base64 by itself
    assert max(abs(x - y) for x, y in zip(a, plain.data[0].embedding)) < 1e-6
    assert abs(math.fsum(x * x for x in a) - 1) < 1e-4 and a != b
    assert answer.usage.prompt_tokens == answer.usage.total_tokens > 0


variations(pictures(models()))
stream()
refusals()
embeddings()
print("openai", openai.__version__, "is content")
