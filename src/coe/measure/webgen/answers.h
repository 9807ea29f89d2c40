// A model's answers to the web suite: asked for, or read from a folder.
#pragma once

#include "coe/ask/answer/answerer.h"
#include "coe/ask/ask.h"
#include "coe/base/file.h"
#include "coe/base/observer.h"
#include "coe/base/result.h"
#include "coe/measure/webgen/run.h"
#include "coe/measure/webgen/task.h"

#include <cstdint>
#include <string>
#include <vector>

namespace coe {

struct WebAnswers {
  std::vector<WebAttempt> attempts;
  std::uint64_t n_failed = 0;  // questions without any answer
};

struct WebAskOptions {
  AskOptions ask;
  std::uint32_t n_sample = 1;  // answers to each task
  std::string identity;        // JournalHeader::identity
  Path journal;
  bool restart = false;
};

// Errors: those of Journal::open and ask_all.
Result<WebAnswers> ask_web_suite(Answerer& answerer, const WebSuite& suite,
                                 const WebAskOptions& options, Observer& observer);

// Files named TASK.EXT and TASK-NAME.EXT are answers to that task, and all of them are tried: the
// file itself where EXT is the task's own format, else a reply. Errors: kNotFound for no folder, or
// one that answers no task; those of read_text.
Result<WebAnswers> read_web_answers(const Path& folder, const WebSuite& suite);

}  // namespace coe
