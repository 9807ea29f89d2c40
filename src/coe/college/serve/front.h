// What a college says over HTTP: its page, its models, and requests handed on to whoever answers.
#pragma once

#include "coe/base/result.h"
#include "coe/college/page/page_files.h"
#include "coe/college/serve/choice_record.h"
#include "coe/college/serve/http_server.h"
#include "coe/college/serve/pool.h"
#include "coe/college/serve/relay.h"
#include "coe/college/serve/request_log.h"

#include <atomic>
#include <cstddef>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace coe {

// Whoever answers: a model of the pool, or one at an address.
struct Member {
  std::string name;
  std::string about;
  bool is_unsure = false;              // answers where nobody is chosen
  std::optional<std::size_t> in_pool;  // else `remote` is where it is
  RelayTarget remote{};                // url: what comes before /v1
  std::string remote_model{};          // empty: its own name
};

struct FrontOptions {
  std::string college;  // the model that has one chosen; empty: there is none
  std::vector<Member> members;
  // Chooses by what the user said, oldest first. Shape of the scores: [chooser_members].
  std::function<Result<Selection>(std::span<const std::string> user_turns)> choose;
  std::vector<std::size_t> chooser_members;  // by the chooser's order
  // Where unsure, the two likeliest answer and this member makes one answer of both.
  std::optional<std::size_t> merger;
  std::vector<std::string> keys;  // empty: none needed
  // Names and addresses by which clients may reach the server. Empty: any. What browsers send from
  // pages of other sites is refused.
  std::vector<std::string> hosts;
  std::span<const EmbeddedFile> page{};  // which outlive this
  std::int64_t created = 0;              // seconds since 1970, which /v1/models says of every model
  RequestLog* log = nullptr;
};

class Front {
 public:
  // `pool` and the log outlive this.
  Front(FrontOptions options, Pool& pool);

  // For HttpServer: several threads at once.
  ServedReply handle(const ServedRequest& request);
  // From now on requests end as soon as they can.
  void stop() { stopping_ = true; }
  bool stopping() const { return stopping_; }

 private:
  struct Exchange;
  class Counted;
  std::optional<ServedReply> refuse(const ServedRequest& request) const;
  std::optional<ServedReply> static_file(const ServedRequest& request) const;
  ServedReply models() const;
  ServedReply status() const;
  ServedReply pass_on(const ServedRequest& request);
  Result<std::size_t> member_for(const std::vector<std::string>& user_turns, Exchange& exchange);
  Status consult(Exchange& exchange, std::size_t& member);
  Result<std::string> ask(const Member& member, Exchange& exchange, std::string body);
  std::optional<std::size_t> find(std::string_view name) const;
  std::optional<std::size_t> unsure_member() const;
  ServedReply exchange_with(const Member& member, Exchange exchange);
  Result<std::unique_ptr<Relay>> reach(const Member& member, Exchange& exchange);
  void write_log(const Exchange& exchange, unsigned status, std::string_view end) const;
  ServedReply refusal(const Exchange& exchange, unsigned status, std::string_view code,
                      std::string_view message) const;

  FrontOptions options_;
  Pool& pool_;
  std::vector<std::string> key_digests_;
  std::atomic<bool> stopping_ = false;
};

}  // namespace coe
