#include "coe/college/serve/front.h"

#include "coe/base/json.h"
#include "coe/base/printable.h"
#include "coe/base/sha256.h"
#include "coe/base/text.h"
#include "coe/college/serve/consult.h"
#include "coe/college/serve/openai.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <functional>
#include <memory>
#include <utility>

namespace coe {

namespace {

using Json = nlohmann::ordered_json;
using Clock = std::chrono::steady_clock;

// What is handed on, by path. Everything else that the engine's server can do (slots, props, LoRA)
// is not for clients.
constexpr std::array<std::string_view, 9> kPassedOn = {
    "/v1/chat/completions", "/v1/completions",           "/v1/embeddings", "/v1/responses",
    "/v1/messages",         "/v1/messages/count_tokens", "/tokenize",      "/detokenize",
    "/apply-template"};

constexpr std::size_t kMostOpinion = std::size_t{8} << 20;

double milliseconds_since(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

ServedReply json_reply(const Json& json) {
  return {.status = 200,
          .headers = {{"content-type", "application/json; charset=utf-8"},
                      {"cache-control", "no-store"}},
          .body = json_text(json)};
}

std::string_view header(const ServedRequest& request, std::string_view name) {
  const auto found = request.headers.find(std::string(name));
  return found == request.headers.end() ? std::string_view() : std::string_view(found->second);
}

// "localhost:8080" without its port, "[::1]:8080" without that and the brackets.
std::string_view without_port(std::string_view host) {
  if (host.starts_with('[')) return host.substr(1, host.find(']') - 1);
  return host.substr(0, host.rfind(':'));
}

std::string_view host_of_origin(std::string_view origin) {
  const auto scheme = origin.find("://");
  return scheme == std::string_view::npos ? std::string_view() : origin.substr(scheme + 3);
}

// One line of ASCII, as a header must be: names are.
std::string choice_header(const ChoiceRecord& choice) {
  Json json;
  json["chosen"] = choice.answered;
  json["unsure"] = choice.unsure;
  json["stayed"] = choice.stayed;
  json["ms"] = choice.ms;
  put_scores(json, choice);
  return json_text(json);
}

const std::string& model_there(const Member& member) {
  return member.in_pool || member.remote_model.empty() ? member.name : member.remote_model;
}

double rounded_to(double value, double steps) { return std::round(value * steps) / steps; }

}  // namespace

// A request on its way.
struct Front::Exchange {
  const ServedRequest* request = nullptr;
  std::string body;
  bool stream = false;
  RequestRecord record;
  Clock::time_point start = Clock::now();
  std::optional<Lease> lease{};
};

// The reply as it goes to the client: counted, and with an error in words where it breaks off.
class Front::Counted : public ReplyStream {
 public:
  Counted(const Front& front, std::unique_ptr<Relay> relay, Exchange exchange, bool events)
      : front_(front),
        relay_(std::move(relay)),
        exchange_(std::move(exchange)),
        events_(events),
        status_(relay_->status()) {
    exchange_.record.ms_to_first_byte = milliseconds_since(exchange_.start);
  }
  Counted(const Counted&) = delete;
  Counted& operator=(const Counted&) = delete;
  // Whoever drops it before the end has lost the client.
  ~Counted() override { front_.write_log(exchange_, status_, end_); }

  Result<std::size_t> read(std::span<char> out) override {
    if (!last_.empty() || broken_) return give_last(out);
    auto n = relay_->read(out);
    if (n) {
      if (*n == 0) end_ = "whole";
      exchange_.record.bytes_out += *n;
      return n;
    }
    if (n.error().code == Code::kCancelled && !front_.stopping()) return n;  // nobody listens
    end_ = "broken";
    if (exchange_.lease) front_.pool_.suspect(*exchange_.lease);
    if (!events_) return n;
    // A stream has begun, so its status is sent: the error is an event of its own.
    last_ = "\n\n" + error_event("model_broke_off",
                                 fmt::format("{}: the answer broke off: {}",
                                             exchange_.record.answered, n.error().message));
    broken_ = true;
    return give_last(out);
  }

 private:
  Result<std::size_t> give_last(std::span<char> out) {
    const auto n = std::min(out.size(), last_.size());
    std::copy_n(last_.begin(), n, out.begin());
    last_.erase(0, n);
    return n;
  }

  const Front& front_;
  std::unique_ptr<Relay> relay_;
  Exchange exchange_;
  bool events_;
  unsigned status_;
  std::string_view end_ = "client_gone";
  std::string last_;
  bool broken_ = false;
};

Front::Front(FrontOptions options, Pool& pool) : options_(std::move(options)), pool_(pool) {
  for (const auto& key : options_.keys) key_digests_.push_back(sha256_of(key));
}

ServedReply Front::handle(const ServedRequest& request) {
  if (auto refused = refuse(request)) return std::move(*refused);
  const bool reads = request.method == "GET" || request.method == "HEAD";
  if (reads) {
    if (request.path == "/health" || request.path == "/v1/health")
      return json_reply({{"status", "ok"}});
    if (request.path == "/v1/models") return models();
    if (request.path == "/coe/status") return status();
    if (auto file = static_file(request)) return std::move(*file);
  }
  const bool known = std::ranges::find(kPassedOn, request.path) != kPassedOn.end();
  if (known && request.method == "POST") return pass_on(request);
  if (known)
    return error_reply(405, "method_not_allowed", fmt::format("{}: POST it", request.path));
  return error_reply(
      404, "not_found",
      fmt::format("there is no {} {}", printable(request.method), printable(request.path)));
}

// Keys, and what browsers send from elsewhere: a page of another site can reach this machine's
// ports, by its own requests (Origin) or by a name that it makes lead here (Host).
std::optional<ServedReply> Front::refuse(const ServedRequest& request) const {
  const auto host = header(request, "host");
  const auto named = [&](std::string_view name) {
    return std::ranges::find(options_.hosts, name) != options_.hosts.end();
  };
  if (!options_.hosts.empty() && !named(lower_ascii(without_port(host))))
    return error_reply(403, "host_not_allowed",
                       fmt::format("this server does not go by the name `{}`: list it under "
                                   "`hosts` in college.toml",
                                   printable(host)));
  const auto origin = header(request, "origin");
  if (!origin.empty() && host_of_origin(origin) != host)
    return error_reply(403, "origin_not_allowed",
                       fmt::format("pages of {} may not use this server", printable(origin)));
  const bool open = request.method != "POST" && !request.path.starts_with("/v1/models") &&
                    !request.path.starts_with("/coe/");
  if (key_digests_.empty() || open) return std::nullopt;
  auto key = header(request, "authorization");
  constexpr std::string_view kBearer = "Bearer ";
  if (key.starts_with(kBearer))
    key.remove_prefix(kBearer.size());
  else
    key = header(request, "x-api-key");
  // Digests are compared, so that the time it takes says nothing of the key.
  if (std::ranges::find(key_digests_, sha256_of(key)) != key_digests_.end()) return std::nullopt;
  auto reply = error_reply(401, "invalid_api_key",
                           key.empty() ? "this server needs an API key" : "the API key is wrong");
  reply.headers.emplace_back("www-authenticate", "Bearer");
  return reply;
}

std::optional<ServedReply> Front::static_file(const ServedRequest& request) const {
  for (const auto& file : options_.page) {
    if (file.path != request.path) continue;
    return ServedReply{.status = 200,
                       .headers = {{"content-type", std::string(file.content_type)},
                                   {"content-security-policy", std::string(kPagePolicy)},
                                   {"x-content-type-options", "nosniff"},
                                   {"referrer-policy", "no-referrer"},
                                   {"cache-control", "no-cache"}},
                       .body = std::string(file.bytes)};
  }
  return std::nullopt;
}

ServedReply Front::models() const {
  const auto states = pool_.status();
  Json list = Json::array();
  const auto add = [&](std::string_view name, Json about) {
    list.push_back({{"id", name},
                    {"object", "model"},
                    {"created", options_.created},
                    {"owned_by", "coe"},
                    {"coe", std::move(about)}});
  };
  if (!options_.college.empty()) add(options_.college, {{"kind", "college"}});
  for (const auto& member : options_.members) {
    Json about = {{"kind", member.is_unsure ? "parent" : "specialist"}, {"about", member.about}};
    if (member.in_pool) {
      const auto& state = states[*member.in_pool];
      about["state"] = state_name(state.state);
      if (!state.error.empty()) about["error"] = state.error;
    } else {
      about["state"] = "remote";
    }
    add(member.name, std::move(about));
  }
  return json_reply({{"object", "list"}, {"data", std::move(list)}});
}

ServedReply Front::status() const {
  Json list = Json::array();
  for (const auto& state : pool_.status())
    list.push_back({{"name", state.name},
                    {"state", state_name(state.state)},
                    {"requests", state.n_request},
                    {"memory_bytes", state.memory},
                    {"process", state.pid},
                    {"failures", state.n_failure},
                    {"error", state.error}});
  return json_reply({{"models", std::move(list)},
                     {"log_lines_lost", options_.log == nullptr ? 0 : options_.log->lost()}});
}

std::optional<std::size_t> Front::find(std::string_view name) const {
  const auto found = std::ranges::find(options_.members, name, &Member::name);
  if (found == options_.members.end()) return std::nullopt;
  return static_cast<std::size_t>(found - options_.members.begin());
}

std::optional<std::size_t> Front::unsure_member() const {
  const auto found = std::ranges::find(options_.members, true, &Member::is_unsure);
  if (found == options_.members.end()) return std::nullopt;
  return static_cast<std::size_t>(found - options_.members.begin());
}

// Chooses. Where nobody is sure and nobody is named for that, the likeliest answers.
Result<std::size_t> Front::member_for(const std::vector<std::string>& user_turns,
                                      Exchange& exchange) {
  const auto start = Clock::now();
  COE_TRY(const auto selection, options_.choose(user_turns));
  ChoiceRecord record;
  record.ms = rounded_to(milliseconds_since(start), 1000.0);
  record.unsure = !selection.chosen.has_value();
  record.stayed = selection.stayed;
  for (std::size_t i = 0; i < selection.scores.size(); ++i)
    record.scores.emplace_back(options_.members[options_.chooser_members[i]].name,
                               rounded_to(selection.scores[i], 1e4));
  std::size_t member = 0;
  if (selection.chosen) {
    member = options_.chooser_members.at(*selection.chosen);
  } else if (const auto unsure = unsure_member()) {
    member = *unsure;
  } else {
    const auto best = std::ranges::max_element(selection.scores);
    member = options_.chooser_members.at(static_cast<std::size_t>(best - selection.scores.begin()));
  }
  record.answered = options_.members[member].name;
  exchange.record.choice = std::move(record);
  return member;
}

// Asks one member for a whole answer.
Result<std::string> Front::ask(const Member& member, Exchange& exchange, std::string body) {
  exchange.body = with_model(body, model_there(member));
  COE_TRY(const auto relay, reach(member, exchange));
  std::string reply;
  std::array<char, 16384> buffer{};
  while (true) {
    COE_TRY(const auto n, relay->read(buffer));
    if (n == 0) break;
    reply.append(buffer.data(), n);
    if (reply.size() > kMostOpinion)
      return fail(Code::kEngine, fmt::format("{}: its answer is too long", member.name));
  }
  if (relay->status() != 200)
    return fail(Code::kEngine,
                fmt::format("{}: status {}: {}", member.name, relay->status(), printable(reply)));
  return reply;
}

// Where nobody is sure and people want it: asks the two likeliest, and makes `member` the one that
// merges, with both answers in the request.
Status Front::consult(Exchange& exchange, std::size_t& member) {
  auto& choice = *exchange.record.choice;
  if (!options_.merger || !choice.unsure || exchange.request->path != kPassedOn.front()) return {};
  const auto question = consultation_of(exchange.request->body);
  if (!question) return {};
  auto ranked = choice.scores;
  std::ranges::stable_sort(ranked, std::greater(), &std::pair<std::string, double>::second);
  std::vector<Opinion> opinions;
  for (std::size_t i = 0; i < std::min<std::size_t>(2, ranked.size()); ++i) {
    const auto& who = options_.members[*find(ranked[i].first)];
    COE_TRY(const auto reply, ask(who, exchange, *question));
    COE_TRY(auto opinion, read_opinion(who.name, reply));
    choice.consulted.push_back(who.name);
    choice.consulted_tokens += opinion.n_token;
    opinions.push_back(std::move(opinion));
  }
  exchange.lease.reset();  // the merger may need the room
  exchange.body = merging_body(exchange.request->body, opinions);
  member = *options_.merger;
  choice.answered = options_.members[member].name;
  return {};
}

ServedReply Front::pass_on(const ServedRequest& request) {
  Exchange exchange;
  exchange.request = &request;
  exchange.body = request.body;
  exchange.record.path = request.path;
  const auto read = read_model_request(request.body);
  if (!read) return refusal(exchange, 400, "invalid_request", read.error().message);
  exchange.stream = read->stream;
  exchange.record.asked = read->model;
  if (!read->user_turns.empty()) exchange.record.text = read->user_turns.back();
  const bool alone = options_.members.size() == 1;
  const auto& asked = read->model;
  const bool chooses = !alone && (asked == options_.college || asked.empty());
  std::optional<std::size_t> member;
  if (alone) {
    member = 0;
  } else if (!chooses) {
    member = find(asked);
  } else if (!options_.choose) {
    return refusal(exchange, 400, "model_required", "name a model: this server does not choose");
  } else {
    const auto chosen = member_for(read->user_turns, exchange);
    if (!chosen) return refusal(exchange, 500, "choice_failed", chosen.error().message);
    member = *chosen;
    if (const auto consulted = consult(exchange, *member); !consulted)
      return refusal(exchange, 503, "consultation_failed", consulted.error().message);
  }
  if (!member) {
    std::vector<std::string> names;
    names.reserve(options_.members.size() + 1);
    for (const auto& known : options_.members) names.push_back(known.name);
    if (!options_.college.empty()) names.push_back(options_.college);
    return refusal(exchange, 404, "model_not_found",
                   fmt::format("there is no model `{}`; there are: {}", printable(asked),
                               fmt::join(names, ", ")));
  }
  const auto& who = options_.members[*member];
  const auto& name = model_there(who);
  // What names its model itself is handed on byte for byte.
  if (asked != name) exchange.body = with_model(exchange.body, name);
  return exchange_with(who, std::move(exchange));
}

Result<std::unique_ptr<Relay>> Front::reach(const Member& member, Exchange& exchange) {
  const int client = exchange.request->socket;
  RelayRequest request;
  request.body = exchange.body;
  request.client = client;
  request.stop = [this] { return stopping(); };
  if (!member.in_pool) {
    request.target = member.remote;
    request.target.url += exchange.request->path;
    return Relay::start(std::move(request), {});
  }
  // A server that died is started again, and is asked again: the client has heard nothing yet.
  constexpr int kMostTries = 2;
  for (int i = 1;; ++i) {
    exchange.lease.reset();
    COE_TRY(auto lease, pool_.acquire(*member.in_pool, [this, client] {
      return stopping() || client_gone(client);
    }));
    exchange.lease.emplace(std::move(lease));
    request.target.socket = exchange.lease->socket();
    request.target.url = "http://model" + exchange.request->path;
    auto relay = Relay::start(request, {});
    if (relay || relay.error().code != Code::kEngine || i == kMostTries) return relay;
    pool_.suspect(*exchange.lease);
  }
}

ServedReply Front::exchange_with(const Member& member, Exchange exchange) {
  exchange.record.answered = member.name;
  auto relay = reach(member, exchange);
  if (!relay) {
    const auto& error = relay.error();
    if (error.code == Code::kCancelled && !stopping())
      return refusal(exchange, 499, "client_gone", "the client has gone");
    auto reply = refusal(exchange, 503, stopping() ? "server_stops" : "model_unavailable",
                         fmt::format("{} cannot answer: {}", member.name, error.message));
    reply.headers.emplace_back("retry-after", "5");
    return reply;
  }
  ServedReply reply;
  reply.status = (*relay)->status();
  const auto type = (*relay)->content_type();
  reply.headers = {
      {"content-type", type}, {"cache-control", "no-store"}, {"x-coe-model", member.name}};
  if (exchange.record.choice)
    reply.headers.emplace_back("x-coe-choice", choice_header(*exchange.record.choice));
  const bool events = type.starts_with("text/event-stream");
  exchange.request = nullptr;  // it does not outlive the handler
  reply.stream = std::make_unique<Counted>(*this, std::move(*relay), std::move(exchange), events);
  return reply;
}

ServedReply Front::refusal(const Exchange& exchange, unsigned status, std::string_view code,
                           std::string_view message) const {
  auto reply = error_reply(status, code, message);
  if (!exchange.record.answered.empty())
    reply.headers.emplace_back("x-coe-model", exchange.record.answered);
  write_log(exchange, status, "whole");
  return reply;
}

void Front::write_log(const Exchange& exchange, unsigned status, std::string_view end) const {
  if (options_.log == nullptr) return;
  auto record = exchange.record;
  record.status = status;
  record.ms = milliseconds_since(exchange.start);
  record.end = end;
  options_.log->add(record);
}

}  // namespace coe
