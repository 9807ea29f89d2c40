// Models in other programs' stores, as a table and as JSON.
#pragma once

#include "coe/base/json.h"
#include "coe/model/store/about.h"
#include "coe/model/store/places.h"
#include "coe/model/store/stores.h"

#include <string>
#include <vector>

namespace coe::cli {

using Json = nlohmann::ordered_json;

struct ListedModel {
  StoredModel model;
  ModelAbout about;  // of a whole one
};

// What a listing looked at, and what it found there.
struct ModelListing {
  std::vector<Program> programs;
  std::vector<ListedModel> models;
};

Json models_json(const ModelListing& listing, const Surroundings& around);
// 80 columns, but for names and paths that are longer.
std::string models_text(const ModelListing& listing, const Surroundings& around);

}  // namespace coe::cli
