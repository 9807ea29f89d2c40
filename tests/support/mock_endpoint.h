// A chat server for tests, in the test's own process: it speaks to OpenAI-compatible clients
// (/v1/chat/completions, /v1/models) or to Ollama's (/api/chat, /api/tags, /api/version) on a port
// of this machine (0: any free one), and answers each request as a script says. Not for targets
// that link engine_llama, which brings another version of cpp-httplib.
//
//   MockEndpoint server([](const MockRequest& request) {
//     return MockReply{.content = request.question == "1+1?" ? "2" : "?"};
//   });
//   … connect to server.url() …
//   EXPECT_EQ(server.requests().size(), 1U);
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace coe::testing {

// A chat request as it came.
struct MockRequest {
  std::size_t index = 0;  // of all chat requests, from 0, in the order in which they came
  std::string path;
  std::string body;                            // JSON
  std::string question;                        // content of the last message
  std::map<std::string, std::string> headers;  // by lower-case name
};

// The client gets this, by default a whole, well-formed stream.
struct MockReply {
  int status = 200;  // any other: `body` is all there is
  std::string content = {};
  std::string thinking = {};  // in the field below, before the content
  std::string thinking_field = "reasoning_content";
  std::string finish = "stop";  // finish_reason, done_reason
  bool usage = true;            // counts: 7 tokens of the prompt, then one each piece
  std::size_t piece_bytes = 4;  // of a streamed piece; characters stay whole
  bool endless = false;  // content or body is repeated until the client closes the connection
  std::chrono::milliseconds delay{0};          // before the first piece
  std::chrono::milliseconds piece_delay{0};    // between pieces
  std::optional<std::size_t> drop_after = {};  // pieces after which the connection breaks
  std::optional<std::string> body = {};        // sent as it stands instead of a stream
  std::string body_type = "application/json";
  std::map<std::string, std::string> headers = {};
};

class MockEndpoint {
 public:
  // Called by several threads, one call at a time.
  using Script = std::function<MockReply(const MockRequest&)>;

  enum class Kind { kOpenAi, kOllama };

  explicit MockEndpoint(Script script, Kind kind = Kind::kOpenAi,
                        std::vector<std::string> models = {"mock"}, int port = 0);
  ~MockEndpoint();
  MockEndpoint(const MockEndpoint&) = delete;
  MockEndpoint& operator=(const MockEndpoint&) = delete;

  int port() const;
  std::string url() const;  // "http://127.0.0.1:PORT"
  std::vector<MockRequest> requests() const;
  // Replies whose connection the client closed before they were complete.
  std::size_t n_closed() const;
  // Waits (at most five seconds) until there are so many.
  bool wait_closed(std::size_t n) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace coe::testing
