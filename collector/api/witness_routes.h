#pragma once

#include "collector/api/context.h"

namespace yunjian::collector {

// GET /v1/log/lists/{leaf}: the lines of the roster or purge that is this leaf.
Outcome<Response> get_list(const ApiContext& context, const Call& call);

// GET /v1/log/candidate: the checkpoint that witnesses should sign now.
Outcome<Response> get_candidate(const ApiContext& context, const Call& call);

// GET /v1/log/witnessed: the newest checkpoint with enough cosignatures, and with them.
Outcome<Response> get_witnessed(const ApiContext& context, const Call& call);

// POST /v1/log/cosignatures: a checkpoint note with cosignatures.
Outcome<Response> post_cosignatures(const ApiContext& context, const Call& call);

// POST /v1/log/endorsements: an endorsement/v1 note signed by an authority that is configured here.
Outcome<Response> post_endorsement(const ApiContext& context, const Call& call);

// GET /v1/records/{stream}/{number}/proof: yunjian/proof/v1.
Outcome<Response> get_record_proof(const ApiContext& context, const Call& call);

}  // namespace yunjian::collector
