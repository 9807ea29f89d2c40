// The linked engine is an Answerer here.
#pragma once

#include "coe/ask/answer/answerer.h"
#include "coe/base/observer.h"
#include "coe/base/result.h"
#include "coe/engine/engine.h"

#include <string>
#include <utility>

namespace coe {

// Renders with the model's own template and splits thinking by the template's own markers. The same
// request gives the same answer. One thread uses it at a time.
class EngineAnswerer : public Answerer {
 public:
  // `engine` and `filter` (virtual surgery; null leaves the model as it is) must outlive it.
  // `model` goes into info(). Errors: kUnsupported when the model has no chat template, or none
  // that can be run.
  static Result<EngineAnswerer> create(Engine& engine, std::string model,
                                       const ExpertFilter* filter = nullptr);

  const AnswererInfo& info() const override { return info_; }
  Result<ChatAnswer> answer(const AnswerRequest& request, Observer& observer) override;

 private:
  EngineAnswerer(Engine& engine, const ExpertFilter* filter, ChatMarkup markup, AnswererInfo info)
      : engine_(&engine), filter_(filter), markup_(std::move(markup)), info_(std::move(info)) {}

  Engine* engine_;
  const ExpertFilter* filter_;
  ChatMarkup markup_;
  AnswererInfo info_;
};

}  // namespace coe
