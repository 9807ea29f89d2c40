// Answers by a script; several threads may ask.
#pragma once

#include "coe/ask/answer/answerer.h"
#include "coe/base/observer.h"
#include "coe/base/result.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace coe::testing {

class ScriptedAnswerer : public Answerer {
 public:
  using Script = std::function<Result<ChatAnswer>(const std::string& question)>;
  explicit ScriptedAnswerer(Script script) : script_(std::move(script)) {}
  const AnswererInfo& info() const override { return info_; }
  Result<ChatAnswer> answer(const AnswerRequest& request, Observer& observer) override {
    const auto& question = request.messages.back().content;
    {
      const std::scoped_lock lock(mutex_);
      asked_.push_back(question);
      seeds_[question] = request.sampling.seed;
      const auto& first = request.messages.front();
      systems_[question] = first.role == "system" ? first.content : "";
    }
    if (observer.cancelled()) return fail(Code::kCancelled, "interrupted");
    return script_(question);
  }
  std::vector<std::string> asked() const { return asked_; }
  std::size_t n_asked(const std::string& question) const {
    return static_cast<std::size_t>(std::ranges::count(asked_, question));
  }
  std::uint64_t seed_of(const std::string& question) const { return seeds_.at(question); }
  // The system message that came with it; empty: none.
  std::string system_of(const std::string& question) const { return systems_.at(question); }

 private:
  Script script_;
  AnswererInfo info_ = {"scripted", "test"};
  std::mutex mutex_;
  std::vector<std::string> asked_;
  std::map<std::string, std::uint64_t> seeds_;
  std::map<std::string, std::string> systems_;
};

}  // namespace coe::testing
