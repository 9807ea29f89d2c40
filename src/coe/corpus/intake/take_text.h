// Text as people have it becomes a corpus: the one way from what a command names to records.
// docs/text.md says the same to people.
#pragma once

#include "coe/base/file.h"
#include "coe/base/observer.h"
#include "coe/base/result.h"
#include "coe/corpus/corpus.h"
#include "coe/corpus/hooks.h"
#include "coe/corpus/intake/taken.h"
#include "coe/corpus/text_spec.h"

#include <functional>
#include <span>
#include <string>
#include <string_view>

namespace coe {

struct TakeOptions {
  TextSpec spec = default_text_spec();  // of records that hold their text
  // Opens the model that renders chats, when the first chat is met; empty: there is none.
  std::function<Result<ModelHooks>()> model = {};
  bool only_records = false;  // plain text and folders are errors: a question is a record
  // Is told what was taken and left out, as "text: 412 files (.md), …"; empty: nobody is.
  std::function<void(std::string_view)> note = {};
  std::string label = "text";  // in the note
  // Is told each file of a folder that is taken, so that no output takes its place.
  std::function<void(const Path&)> on_file = {};
};

struct TakenText {
  Corpus corpus;
  Taken taken;
};

// Takes files of JSON (records, chats, exports of chats) and of plain text, both also packed, "-"
// for the standard input, and folders. What a file is, is decided once, by its name and content.
//
// Records of JSON keep the rules of parse_corpus. Chats are rendered by the model's template. Plain
// text is cut into pieces of at most kPieceChars characters, and Record::piece_of is its file. The
// sub-domain of what names none is the given file's name without its ending, the folder's name, or
// "stdin".
//
// Errors: kNotFound (no such file, or a folder
// without text); kInvalidArgument (nothing given, something twice, chats without a model);
// kCorrupt, naming file and line, or what the file is instead of text; kUnsupported (devices, more
// than kMostUnpackedBytes of text); those of the model that hold for all chats; kCancelled.
Result<TakenText> take_text(std::span<const Path> given, const TakeOptions& options,
                            Observer& observer);

// Takes the bytes of one file, as they are unpacked. `name` stands for its path.
Result<TakenText> take_bytes(std::string_view bytes, const Path& name, const TakeOptions& options,
                             Observer& observer);

}  // namespace coe
