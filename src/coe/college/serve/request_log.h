// One line of JSON for each request that was answered: docs/formats/college.md.
#pragma once

#include "coe/base/descriptor.h"
#include "coe/base/file.h"
#include "coe/base/result.h"
#include "coe/college/serve/choice_record.h"

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

namespace coe {

struct RequestRecord {
  std::string path;
  std::string asked;     // the model that it names
  std::string answered;  // by whom; empty: nobody
  std::optional<ChoiceRecord> choice;
  unsigned status = 0;
  double ms_to_first_byte = 0.0;
  double ms = 0.0;
  std::uint64_t bytes_out = 0;
  std::string end;   // "whole", "client_gone", "broken"
  std::string text;  // what the user said last; written only where that is wanted
};

class RequestLog {
 public:
  // Adds to the file. Errors: kIo; kInvalidArgument when it is an input.
  static Result<std::unique_ptr<RequestLog>> open(const Path& file, bool with_text);
  RequestLog(const RequestLog&) = delete;
  RequestLog& operator=(const RequestLog&) = delete;

  // Several threads at once. A line that cannot be written is lost; lost() counts them.
  void add(const RequestRecord& record);
  std::uint64_t lost() const;

 private:
  RequestLog(Descriptor file, bool with_text) : file_(std::move(file)), with_text_(with_text) {}

  mutable std::mutex mutex_;
  Descriptor file_;
  bool with_text_;
  std::uint64_t n_lost_ = 0;
};

// "2026-11-30T02:03:04.567Z".
std::string utc_now();

}  // namespace coe
