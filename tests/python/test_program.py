"""The program's manners: starting, stopping, explaining itself, and the rehearsal under `locum demo`."""

import json
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import threading

import openai
import pytest
from harness.hosts import IS_WORKER, locum_command
from harness.process import wait_until
from harness.server import KEY, UPSTREAM_KEY, routed_to

HELLO = [{"role": "user", "content": "Hello"}]


def run(*arguments: str, **settings: str) -> subprocess.CompletedProcess:
    """Runs Locum to its end with these settings and no others."""
    return subprocess.run(
        locum_command(*arguments), env=settings, cwd="/", capture_output=True, text=True, timeout=20
    )


class TestCommandLine:
    def test_help_teaches(self):
        shown = run("--help")
        assert shown.returncode == 0
        for word in ("serve", "demo", "config", "PROVIDER_GEMINI_ENABLED", "http"):
            assert word in shown.stdout, word

    def test_the_version(self):
        assert re.match(r"locum \d+\.\d+\.\d+", run("--version").stdout)

    def test_a_wrong_command_is_2(self):
        shown = run("sevre")
        assert shown.returncode == 2
        assert "serve" in shown.stderr, "the likely command is suggested"

    @pytest.mark.parametrize(
        ("name", "value", "takes"),
        [
            ("PORT", "99999", "65535"),
            ("PORT", "http", "65535"),
            ("PROVIDER_TIMEOUT", "soon", "milliseconds"),
            ("ENABLE_AUTH", "maybe", "true"),
            ("LOG_LEVEL", "loud", "debug"),
            ("NODE_ENV", "prod", "production"),
            ("TRUSTED_PROXIES", "everyone", "10.0.0.0/8"),
            ("OPENAI_BASE_URL", "not a url", "http"),
        ],
    )
    def test_a_wrong_setting_stops_the_start_with_one_line(self, name, value, takes):
        shown = run("serve", **{"API_KEY": KEY, "PROVIDER_REHEARSAL_ENABLED": "true", name: value})
        assert shown.returncode == 2
        lines = shown.stderr.strip().splitlines()
        assert len(lines) == 1, shown.stderr
        assert name in lines[0] and value in lines[0] and takes in lines[0]

    def test_a_wrong_secret_is_not_shown(self):
        shown = run("serve", API_KEY="a secret\nwith a line break", PROVIDER_REHEARSAL_ENABLED="true")
        if shown.returncode:
            assert shown.returncode == 2
        assert "a secret" not in shown.stdout + shown.stderr

    def test_no_key_to_ask_for(self):
        shown = run("serve", PROVIDER_REHEARSAL_ENABLED="true")
        assert shown.returncode == 2
        assert "API_KEY" in shown.stderr and "ENABLE_AUTH" in shown.stderr

    def test_a_provider_without_its_key(self):
        shown = run("serve", API_KEY=KEY, PROVIDER_GEMINI_ENABLED="true")
        assert shown.returncode == 2
        assert "GEMINI_API_KEY" in shown.stderr

    def test_config_masks_secrets(self):
        shown = run("config", API_KEY=KEY, OPENAI_API_KEY=UPSTREAM_KEY, PROVIDER_OPENAI_ENABLED="true", PORT="1234")
        assert shown.returncode == 0
        assert "1234" in shown.stdout and "PROVIDER_TIMEOUT" in shown.stdout
        assert KEY not in shown.stdout and UPSTREAM_KEY not in shown.stdout

    def test_a_file_of_settings(self, tmp_path):
        (tmp_path / ".env").write_text("PORT=4321\n")
        shown = subprocess.run(locum_command("config"), env={}, cwd=tmp_path, capture_output=True, text=True)
        assert "4321" in shown.stdout

    def test_the_port_is_taken(self):
        with socket.socket() as other:
            other.bind(("127.0.0.1", 0))
            other.listen()
            port = str(other.getsockname()[1])
            shown = run("serve", API_KEY=KEY, PROVIDER_REHEARSAL_ENABLED="true", PORT=port)
        assert shown.returncode == 1
        assert port in shown.stderr


class TestStart:
    def test_says_where_it_listens_and_what_is_set_but_off(self, start, openai_upstream):
        settings = routed_to(openai_upstream.url)
        locum = start(**settings, GEMINI_API_KEY="AIza-set-but-off", NODE_ENV="development")
        assert locum.url in locum.output
        assert "openai" in locum.output
        assert "GEMINI_API_KEY" in locum.output or "PROVIDER_GEMINI_ENABLED" in locum.output
        assert "AIza-set-but-off" not in locum.output


class Asking(threading.Thread):
    """A streamed answer that is being read beside the test."""

    def __init__(self, locum, model):
        super().__init__()
        self.locum, self.model = locum, model
        self.chunks: list = []
        self.error: Exception | None = None
        self.start()

    def run(self):
        try:
            with self.locum.client() as client:
                for chunk in client.chat.completions.create(model=self.model, messages=HELLO, stream=True):
                    self.chunks.append(chunk)
        except openai.OpenAIError as error:
            self.error = error


class TestStop:
    def test_at_rest(self, start):
        locum = start(PROVIDER_REHEARSAL_ENABLED="true")
        locum.signal(signal.SIGTERM)
        assert locum.exit_code(5) == 0

    def test_ctrl_c(self, start):
        locum = start(PROVIDER_REHEARSAL_ENABLED="true")
        locum.signal(signal.SIGINT)
        assert locum.exit_code(5) == 0

    def test_running_answers_finish_and_new_ones_are_not_begun(self, start, openai_provider):
        locum = start(**routed_to(openai_provider.upstream.url), PROVIDER_TIMEOUT="1500", PROVIDER_MAX_RETRIES="0")
        openai_provider.upstream.script({"fault": "stall", "after": 3})
        asking = Asking(locum, openai_provider.model)
        wait_until(lambda: asking.chunks, what="the first chunk")
        locum.signal(signal.SIGTERM)
        wait_until(lambda: not accepts(locum.port), what="the end of listening")
        assert locum.is_running, "an answer is still under way"
        asking.join(10)
        assert isinstance(asking.error, openai.APIError), "the stalled stream ended as such"
        assert not isinstance(asking.error, openai.APIConnectionError)
        assert locum.exit_code(5) == 0

    def test_a_second_signal_ends_at_once(self, start, openai_provider):
        locum = start(**routed_to(openai_provider.upstream.url))
        openai_provider.upstream.script({"fault": "stall", "after": 3})
        asking = Asking(locum, openai_provider.model)
        wait_until(lambda: asking.chunks, what="the first chunk")
        locum.signal(signal.SIGTERM)
        wait_until(lambda: not accepts(locum.port), what="the end of listening")
        locum.signal(signal.SIGTERM)
        assert locum.exit_code(2) == 3
        asking.join(10)
        assert asking.error


    def test_the_patience_is_bounded(self, start, openai_provider):
        locum = start(**routed_to(openai_provider.upstream.url), SHUTDOWN_GRACE="300")
        openai_provider.upstream.script({"fault": "endless"})
        asking = Asking(locum, openai_provider.model)
        wait_until(lambda: asking.chunks, what="the first chunk")
        locum.signal(signal.SIGTERM)
        assert locum.exit_code(5) == 3
        asking.join(10)
        assert asking.error


def accepts(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "parameters": {
            "type": "object",
            "properties": {
                "city": {"type": "string"},
                "days": {"type": "integer", "minimum": 1},
                "unit": {"type": "string", "enum": ["celsius", "fahrenheit"]},
            },
            "required": ["city", "days", "unit"],
        },
    },
}


class TestDemo:
    """A newcomer's first minute: no key of anybody's, nothing but what the program prints."""

    @pytest.fixture
    def demo(self, start):
        demo = start("demo", API_KEY="", NODE_ENV="development", LOG_LEVEL="info")
        demo.printed_key = re.search(r"sk-[A-Za-z0-9_-]{16,}", demo.output)[0]
        return demo

    @pytest.fixture
    def client(self, demo):
        return demo.client(api_key=demo.printed_key)

    @pytest.fixture
    def model(self, client):
        return next(iter(client.models.list())).id

    def ask(self, client, model, text, **options):
        messages = [{"role": "user", "content": text}]
        return client.chat.completions.create(model=model, messages=messages, **options)

    @pytest.mark.skipif(not shutil.which("curl"), reason="curl is not installed")
    def test_the_printed_curl_line_works(self, demo):
        (curl,) = re.findall(r"^curl (?:.*\\\n)*.*", demo.output, re.MULTILINE)
        shown = subprocess.run(["bash", "-c", curl], capture_output=True, text=True, timeout=20)
        assert json.loads(shown.stdout)["choices"][0]["message"]["content"]

    def test_the_printed_python_line_works(self, demo):
        (python,) = re.findall(r"^python3 (-c .*)", demo.output, re.MULTILINE)
        command = f"{shlex.quote(sys.executable)} {python}"
        shown = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=20)
        assert shown.stdout.strip(), shown.stderr

    def test_the_key_is_needed(self, demo):
        with pytest.raises(openai.AuthenticationError):
            demo.client(api_key="sk-wrong").models.list()

    def test_the_answer_refers_to_what_was_sent(self, client, model):
        answer = self.ask(client, model, "Tell me about pelicans")
        assert "pelicans" in answer.choices[0].message.content
        assert "rehears" in answer.choices[0].message.content.lower(), "it says plainly what it is"
        assert answer.usage.total_tokens > 0

    def test_the_same_question_gets_the_same_answer(self, client, model):
        answers = {self.ask(client, model, "Hello").choices[0].message.content for _ in range(3)}
        assert len(answers) == 1

    def test_a_stream_comes_word_by_word(self, client, model):
        chunks = list(self.ask(client, model, "Tell me about pelicans", stream=True))
        texts = [choice.delta.content for chunk in chunks for choice in chunk.choices if choice.delta.content]
        assert len(texts) > 3
        assert "".join(texts) == self.ask(client, model, "Tell me about pelicans").choices[0].message.content

    def test_a_function_that_the_text_names_is_called(self, client, model):
        choice = self.ask(client, model, "Use weather, please", tools=[WEATHER]).choices[0]
        assert choice.finish_reason == "tool_calls"
        arguments = json.loads(choice.message.tool_calls[0].function.arguments)
        assert isinstance(arguments["city"], str)
        assert arguments["days"] >= 1
        assert arguments["unit"] in {"celsius", "fahrenheit"}

    def test_a_result_ends_the_calling(self, client, model):
        message = self.ask(client, model, "Use weather, please", tools=[WEATHER]).choices[0].message
        result = {"role": "tool", "tool_call_id": message.tool_calls[0].id, "content": "drizzle"}
        messages = [{"role": "user", "content": "Use weather, please"}, message.to_dict(), result]
        answer = client.chat.completions.create(model=model, messages=messages, tools=[WEATHER])
        assert answer.choices[0].finish_reason == "stop"
        assert "drizzle" in answer.choices[0].message.content

    def test_a_schema_is_honoured(self, client, model):
        schema = WEATHER["function"]["parameters"]
        response_format = {"type": "json_schema", "json_schema": {"name": "report", "schema": schema}}
        answer = self.ask(client, model, "Report", response_format=response_format)
        report = json.loads(answer.choices[0].message.content)
        assert report.keys() == {"city", "days", "unit"}
        assert isinstance(report["days"], int)

    def test_embeddings(self, demo, model):
        # The SDK validates vectors before it decodes them.
        client = demo.client(api_key=demo.printed_key, _strict_response_validation=False)
        models = [model.id for model in client.models.list()]
        name = next((name for name in models if "embed" in name), model)
        same, again, other = (
            client.embeddings.create(model=name, input=text).data[0].embedding for text in ("a", "a", "b")
        )
        assert same == again != other


def test_a_script_is_played(start, tmp_path):
    """`REHEARSAL_SCRIPT`: a program's own tests can say what the model answers."""
    text = json.dumps([{"expect": "ping", "answer": "pong"}])
    path = tmp_path / "script.json"
    path.write_text(text)
    # A Worker has no files: there the setting holds the script itself.
    locum = start(PROVIDER_REHEARSAL_ENABLED="true", REHEARSAL_SCRIPT=text if IS_WORKER else str(path))
    with locum.client() as client:
        model = next(iter(client.models.list())).id
        answer = client.chat.completions.create(model=model, messages=[{"role": "user", "content": "ping"}])
        assert answer.choices[0].message.content == "pong"
