// An Engine that replays logits recorded from another one: lets two models be compared with one of
// them loaded at a time.
#pragma once

#include "coe/base/observer.h"
#include "coe/base/result.h"
#include "coe/corpus/corpus.h"
#include "coe/engine/engine.h"

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace coe {

class RecordedEngine : public Engine {
 public:
  RecordedEngine() = default;  // nothing recorded
  // Runs the corpus through `engine`, records cut to `max_tokens`. Memory: tokens * n_vocab * 4
  // bytes.
  static Result<RecordedEngine> record(Engine& engine, const ExpertFilter* filter,
                                       const Corpus& corpus, std::size_t max_tokens,
                                       Observer& observer);

  const EngineInfo& info() const override { return info_; }
  // Only texts of the recorded corpus; others are kInvalidArgument.
  Result<std::vector<std::int32_t>> tokenize(std::string_view text) override;
  // Only recorded sequences, and only logits.
  Status decode(const DecodeRequest& request) override;

 private:
  EngineInfo info_;
  std::map<std::string, std::vector<std::int32_t>, std::less<>> tokens_;
  std::map<std::vector<std::int32_t>, std::vector<float>> logits_;  // [n_token, n_vocab]
};

}  // namespace coe
