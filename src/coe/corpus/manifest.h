// The manifest says what a corpus was built from and stands beside it. The format:
// docs/formats/corpus.md, "Manifest".
#pragma once

#include "coe/base/file.h"
#include "coe/base/result.h"
#include "coe/corpus/build.h"
#include "coe/corpus/hooks.h"

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>

namespace coe {

// This keeps the files that were read, by their path relative to the root folder.
class SourceLog {
 public:
  struct File {
    std::uint64_t n_byte = 0;
    std::string digest;
  };
  void add(const Path& path, const Path& root, std::string_view bytes);
  const std::map<std::string, File>& files() const { return files_; }

 private:
  std::map<std::string, File> files_;
};

// "corpus.jsonl.manifest.json" of "corpus.jsonl".
Path manifest_path(const Path& output);

// Says whether a file's text is a manifest of this form.
bool is_manifest(std::string_view text);

// Returns the document, with a newline at its end. `spec_text` is the spec's bytes.
Result<std::string> manifest_json(const CorpusBuildOptions& options, std::string_view spec_text,
                                  const SourceLog& sources, const CorpusBuildReport& report,
                                  const ModelHooks& model);

}  // namespace coe
