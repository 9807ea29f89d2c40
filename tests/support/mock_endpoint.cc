#include "support/mock_endpoint.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <atomic>
#include <cctype>
#include <httplib.h>
#include <mutex>
#include <stdexcept>
#include <thread>
#include <utility>

namespace coe::testing {

namespace {

using Json = nlohmann::ordered_json;
using Kind = MockEndpoint::Kind;

std::vector<std::string> cut(const std::string& text, std::size_t piece_bytes) {
  std::vector<std::string> pieces;
  for (std::size_t at = 0; at < text.size();) {
    std::size_t end = std::min(text.size(), at + piece_bytes);
    while (end < text.size() && (static_cast<unsigned char>(text[end]) & 0xc0U) == 0x80U) ++end;
    pieces.push_back(text.substr(at, end - at));
    at = end;
  }
  return pieces;
}

// Writes a reply piece by piece.
class Stream {
 public:
  Stream(MockReply reply, Kind kind, std::function<void()> on_closed)
      : reply_(std::move(reply)), kind_(kind), on_closed_(std::move(on_closed)) {
    for (auto& piece : cut(reply_.thinking, reply_.piece_bytes))
      deltas_.push_back({{reply_.thinking_field, std::move(piece)}});
    for (auto& piece : cut(reply_.content, reply_.piece_bytes))
      deltas_.push_back({{"content", std::move(piece)}});
  }

  // False breaks the connection.
  bool write(httplib::DataSink& sink) {
    std::this_thread::sleep_for(n_sent_ == 0 ? reply_.delay : reply_.piece_delay);
    if (reply_.drop_after && n_sent_ == *reply_.drop_after) return false;
    if (n_sent_ < deltas_.size() || (reply_.endless && !deltas_.empty()))
      return send(sink, piece(deltas_[n_sent_++ % deltas_.size()]));
    if (!send(sink, last())) return false;
    sink.done();
    return true;
  }

 private:
  bool send(httplib::DataSink& sink, const std::string& text) {
    if (sink.write(text.data(), text.size())) return true;
    on_closed_();
    return false;
  }

  static std::string event(const Json& payload) { return "data: " + payload.dump() + "\n\n"; }

  std::string piece(const Json& delta) const {
    if (kind_ == Kind::kOllama) return Json{{"message", delta}, {"done", false}}.dump() + "\n";
    return event({{"choices", Json::array({{{"index", 0}, {"delta", delta}}})}});
  }

  std::string last() const {
    if (kind_ == Kind::kOllama) {
      Json end = {{"message", {{"content", ""}}}, {"done", true}, {"done_reason", reply_.finish}};
      if (reply_.usage) end.update({{"prompt_eval_count", 7}, {"eval_count", deltas_.size()}});
      return end.dump() + "\n";
    }
    auto text = event({{"choices", Json::array({{{"index", 0},
                                                 {"delta", Json::object()},
                                                 {"finish_reason", reply_.finish}}})}});
    if (reply_.usage)
      text += event({{"choices", Json::array()},
                     {"usage", {{"prompt_tokens", 7}, {"completion_tokens", deltas_.size()}}}});
    return text + "data: [DONE]\n\n";
  }

  MockReply reply_;
  Kind kind_;
  std::function<void()> on_closed_;
  std::vector<Json> deltas_;
  std::size_t n_sent_ = 0;
};

}  // namespace

struct MockEndpoint::State {
  Script script;
  Kind kind;
  httplib::Server server;
  int port = 0;
  std::thread thread;
  std::mutex script_mutex;
  mutable std::mutex mutex;  // guards requests
  std::vector<MockRequest> requests;
  std::atomic<std::size_t> n_closed = 0;

  void answer(const httplib::Request& request, httplib::Response& response) {
    MockRequest seen;
    seen.path = request.path;
    seen.body = request.body;
    for (const auto& [name, value] : request.headers) {
      std::string lower = name;
      std::ranges::transform(lower, lower.begin(),
                             [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
      seen.headers[lower] = value;
    }
    const Json body = Json::parse(request.body, nullptr, false);
    if (body.contains("messages") && !body["messages"].empty())
      seen.question = body["messages"].back().value("content", "");
    const std::scoped_lock calls(script_mutex);
    {
      const std::scoped_lock lock(mutex);
      seen.index = requests.size();
      requests.push_back(seen);
    }
    send(script(seen), response);
  }

  void send_for_ever(const MockReply& reply, httplib::Response& response) {
    response.set_chunked_content_provider(
        reply.body_type, [this, reply](std::size_t, httplib::DataSink& sink) {
          std::this_thread::sleep_for(reply.piece_delay);
          const bool open = sink.write(reply.body->data(), reply.body->size());
          if (!open) ++n_closed;
          return open;
        });
  }

  void send(MockReply reply, httplib::Response& response) {
    response.status = reply.status;
    for (const auto& [name, value] : reply.headers) response.set_header(name, value);
    if (reply.body && reply.endless) {
      send_for_ever(reply, response);
      return;
    }
    if (reply.body || reply.status != 200) {
      response.set_content(reply.body.value_or(""), reply.body_type);
      return;
    }
    auto stream = std::make_shared<Stream>(std::move(reply), kind, [this] { ++n_closed; });
    response.set_chunked_content_provider(
        kind == Kind::kOllama ? "application/x-ndjson" : "text/event-stream",
        [stream](std::size_t, httplib::DataSink& sink) { return stream->write(sink); });
  }
};

MockEndpoint::MockEndpoint(Script script, Kind kind, std::vector<std::string> models, int port)
    : state_(std::make_unique<State>()) {
  state_->script = std::move(script);
  state_->kind = kind;
  auto& server = state_->server;
  server.set_tcp_nodelay(true);
  server.set_keep_alive_max_count(1);  // stop() would wait for idle connections
  server.new_task_queue = [] { return new httplib::ThreadPool(16); };
  Json list = Json::array();
  const bool is_ollama = kind == Kind::kOllama;
  for (const auto& model : models) list.push_back({{is_ollama ? "name" : "id", model}});
  const Json listed = {{is_ollama ? "models" : "data", list}};
  server.Get(is_ollama ? "/api/tags" : "/v1/models",
             [listed](const httplib::Request&, httplib::Response& response) {
               response.set_content(listed.dump(), "application/json");
             });
  if (is_ollama) {
    server.Get("/api/version", [](const httplib::Request&, httplib::Response& response) {
      response.set_content(R"({"version":"0.13.0"})", "application/json");
    });
  }
  server.Post(is_ollama ? "/api/chat" : "/v1/chat/completions",
              [this](const httplib::Request& request, httplib::Response& response) {
                state_->answer(request, response);
              });
  if (port == 0)
    state_->port = server.bind_to_any_port("127.0.0.1");
  else if (server.bind_to_port("127.0.0.1", port))
    state_->port = port;
  if (state_->port <= 0) throw std::runtime_error("mock endpoint: no port");
  state_->thread = std::thread([this] { state_->server.listen_after_bind(); });
  while (!server.is_running()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
}

MockEndpoint::~MockEndpoint() {
  state_->server.stop();
  state_->thread.join();
}

int MockEndpoint::port() const { return state_->port; }

std::string MockEndpoint::url() const { return "http://127.0.0.1:" + std::to_string(port()); }

std::vector<MockRequest> MockEndpoint::requests() const {
  const std::scoped_lock lock(state_->mutex);
  return state_->requests;
}

std::size_t MockEndpoint::n_closed() const { return state_->n_closed; }

bool MockEndpoint::wait_closed(std::size_t n) const {
  for (int i = 0; i < 500 && n_closed() < n; ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  return n_closed() >= n;
}

}  // namespace coe::testing
