// A model writes corpora itself: it answers questions, and question with answer becomes one corpus,
// its thinking another. Source: docs/method.md, section 1, "Generated corpora".
#pragma once

#include "coe/ask/answer/answerer.h"
#include "coe/ask/ask.h"
#include "coe/base/file.h"
#include "coe/base/observer.h"
#include "coe/base/result.h"
#include "coe/corpus/corpus.h"

#include <cstdint>
#include <functional>
#include <string>

namespace coe {

struct GenerateCorpusOptions {
  Path folder;           // made if it is not there; its parent must be
  std::string identity;  // of the answerer: what decides its answers besides the request
  AskOptions ask{.thinking = true};
  bool keep_cut = false;    // into the corpora as well, marked by `ended`: cut answers…
  bool keep_loops = false;  // … and loops
  bool restart = false;     // forget what the folder's journal holds, overwrite what is there
  // Renders a question and its answer as a chat. If it is not set, the text is "question\nanswer".
  // One thread calls it, when all is answered.
  std::function<Result<std::string>(const std::string& problem, const std::string& solution)>
      render;
};

struct GenerateCorpusReport {
  std::uint64_t n_question = 0;
  std::uint64_t n_done = 0;
  std::uint64_t n_loop = 0;
  std::uint64_t n_cut = 0;
  std::uint64_t n_empty = 0;
  std::uint64_t n_filtered = 0;
  std::uint64_t n_failed = 0;
  std::uint64_t n_thinking = 0;  // records of thinking.jsonl
  std::uint64_t n_answer = 0;    // records of answers.jsonl
  std::uint64_t n_token = 0;     // generated, over all runs
  std::uint64_t n_token_prompt = 0;
  bool n_token_known = true;  // false: some were counted as streamed pieces
  std::uint64_t n_asked = 0;  // in this run
  std::uint64_t n_token_asked = 0;
  double seconds = 0.0;  // of this run

  std::uint64_t n_answered() const {
    return n_done + n_loop + n_cut + n_empty + n_filtered + n_failed;
  }
  bool complete() const { return n_answered() == n_question; }
};

// Questions are the corpus's records, numbered over the whole of it. Writes into the folder:
// journal.jsonl while it runs; answers.jsonl, thinking.jsonl (sub-domain cot_think), left_out.jsonl
// (loops, cut, empty and filtered answers) and failed.jsonl when every question has been asked, in
// the order of the questions whatever AskOptions::n_parallel. A run that was stopped goes on where
// it was. Errors: those of Journal::open and ask_all; kExists for a folder with such files but no
// journal.
Result<GenerateCorpusReport> generate_corpus(Answerer& answerer, const Corpus& questions,
                                             const GenerateCorpusOptions& options,
                                             Observer& observer);

}  // namespace coe
