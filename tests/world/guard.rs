//! What can be taken out of the product, from outside: the ports then behave as if it were not
//! there. Each must be missed.

/// A guard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Guard {
    /// The client token follows from run, attempt and launch. Without it every call has its own.
    Token,
    /// A claim stays although what follows it failed. Without it, it is taken back.
    ClaimStays,
    /// A token is not used again when ECS may have forgotten it.
    Horizon,
    /// The same, when a refusal is looked into.
    HorizonOfDoubt,
    /// A run is saved only if nobody saved it since.
    Revision,
    /// News of an earlier attempt is no news of the present one.
    Attempt,
    /// What follows a verdict is done again when its message comes again.
    Tail,
    /// An outcome is told after it was stored.
    EmitAfterSave,
    /// ECS is asked for tasks before another token is used.
    Look,
    /// Sweep.
    Sweep,
    /// A slot is held by name, not counted.
    SlotsByName,
    /// A message of record may come again a hundred times.
    ManyReceives,
    /// An observation counts only while the run is in the hands its observer saw it in.
    Owner,
    /// What counts from an answer is timed by the answer.
    Clock,
}

impl Guard {
    pub(crate) const ALL: [Self; 14] = [
        Self::Token,
        Self::ClaimStays,
        Self::Horizon,
        Self::HorizonOfDoubt,
        Self::Revision,
        Self::Attempt,
        Self::Tail,
        Self::EmitAfterSave,
        Self::Look,
        Self::Sweep,
        Self::SlotsByName,
        Self::ManyReceives,
        Self::Owner,
        Self::Clock,
    ];

    /// A seed that notices its absence: tried first.
    pub(crate) fn noticed_by(self) -> u64 {
        match self {
            Self::Token => 12,
            Self::ClaimStays => 201,
            Self::Horizon => 2_331,
            Self::HorizonOfDoubt => 6_930,
            Self::Revision => 4,
            Self::Sweep => 2,
            Self::Attempt => 682,
            Self::Tail => 5,
            Self::EmitAfterSave => 46,
            Self::Look => 36,
            Self::SlotsByName => 14,
            Self::ManyReceives => 80,
            Self::Owner => 24_005,
            Self::Clock => 3_787,
        }
    }
}
