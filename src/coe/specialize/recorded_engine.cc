#include "coe/specialize/recorded_engine.h"

#include <algorithm>
#include <span>
#include <utility>

namespace coe {

namespace {

class Appender : public LogitsObserver {
 public:
  explicit Appender(std::vector<float>& out) : out_(out) {}
  void on_logits(std::uint32_t /*position*/, std::span<const float> logits) override {
    out_.insert(out_.end(), logits.begin(), logits.end());
  }

 private:
  std::vector<float>& out_;
};

}  // namespace

Result<RecordedEngine> RecordedEngine::record(Engine& engine, const ExpertFilter* filter,
                                              const Corpus& corpus, std::size_t max_tokens,
                                              Observer& observer) {
  RecordedEngine recorded;
  recorded.info_ = engine.info();
  for (const auto& domain : corpus.domains) {
    for (const auto& record : domain.records) {
      COE_TRY(auto tokens, engine.tokenize(record.text));
      recorded.tokens_.emplace(record.text, tokens);
      tokens.resize(std::min(tokens.size(), max_tokens));
      std::vector<float> logits;
      Appender appender(logits);
      DecodeRequest request;
      request.tokens = tokens;
      request.logits = &appender;
      request.filter = filter;
      request.observer = &observer;
      COE_TRY_STATUS(engine.decode(request));
      recorded.logits_.emplace(std::move(tokens), std::move(logits));
    }
  }
  return recorded;
}

Result<std::vector<std::int32_t>> RecordedEngine::tokenize(std::string_view text) {
  const auto found = tokens_.find(text);
  if (found == tokens_.end()) return fail(Code::kInvalidArgument, "this text was not recorded");
  return found->second;
}

Status RecordedEngine::decode(const DecodeRequest& request) {
  const auto found =
      logits_.find(std::vector<std::int32_t>(request.tokens.begin(), request.tokens.end()));
  if (found == logits_.end() || request.routing != nullptr || request.filter != nullptr)
    return fail(Code::kInvalidArgument, "this sequence was not recorded");
  if (request.logits == nullptr) return {};
  const std::span all(found->second);
  for (std::uint32_t i = 0; i < request.tokens.size(); ++i)
    request.logits->on_logits(i, all.subspan(std::size_t{i} * info_.n_vocab, info_.n_vocab));
  return {};
}

}  // namespace coe
