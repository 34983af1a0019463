//! Which models come to the same whatever the scale of their columns.
//!
//! Each column moved and stretched by constants is the same information to a tree, to least squares or to Gaussian
//! naive Bayes: where the constants come from cannot leak anything into such a model. Distances, penalties, gradient
//! descent and principal components do mind.

use ruff_python_ast::{self as ast, Expr};

use super::{EstimatorKind, Lesson, arguments::Arguments};

/// Move and stretch each column.
const SCALERS: &[&str] = &["StandardScaler", "MinMaxScaler", "MaxAbsScaler", "RobustScaler"];

/// Put a figure of the column where a value is missing.
const FILLERS: &[&str] = &["SimpleImputer", "Imputer", "MeanMedianImputer"];

const INDIFFERENT: &[&str] = &[
    "LinearRegression",
    "GaussianNB",
    "LinearDiscriminantAnalysis",
    "QuadraticDiscriminantAnalysis",
    "DummyClassifier",
    "DummyRegressor",
    "DecisionTreeClassifier",
    "DecisionTreeRegressor",
    "ExtraTreeClassifier",
    "ExtraTreeRegressor",
    "ExtraTreesClassifier",
    "ExtraTreesRegressor",
    "RandomForestClassifier",
    "RandomForestRegressor",
    "GradientBoostingClassifier",
    "GradientBoostingRegressor",
    "HistGradientBoostingClassifier",
    "HistGradientBoostingRegressor",
    "XGBClassifier",
    "XGBRegressor",
    "XGBRFClassifier",
    "XGBRFRegressor",
    "LGBMClassifier",
    "LGBMRegressor",
    "CatBoostClassifier",
    "CatBoostRegressor",
    // Of trees unless told otherwise; what they are given speaks for itself.
    "AdaBoostClassifier",
    "AdaBoostRegressor",
    "BaggingClassifier",
    "BaggingRegressor",
];

/// As indifferent as what they are made of.
const WRAPPERS: &[&str] = &[
    "VotingClassifier",
    "VotingRegressor",
    "StackingClassifier",
    "StackingRegressor",
    "OneVsRestClassifier",
    "OneVsOneClassifier",
    "MultiOutputClassifier",
    "MultiOutputRegressor",
    "CalibratedClassifierCV",
];

const INDIFFERENT_STEPS: &[&str] = &[
    "PolynomialFeatures",
    "LabelEncoder",
    "OneHotEncoder",
    "OrdinalEncoder",
];

/// Arguments that make an indifferent class mind.
const PENALTIES: &[&str] = &[
    "booster",
    "shrinkage",
    "reg_param",
    "fit_intercept",
    "positive",
    "linear_tree",
];

/// What a class learns when it is fitted.
pub(super) fn lesson(class: Option<&str>) -> Lesson {
    match class {
        Some(class) if SCALERS.contains(&class) => Lesson::Scale,
        Some(class) if FILLERS.contains(&class) => Lesson::Fill,
        _ => Lesson::More,
    }
}

/// The class minds the scale of its columns, whatever it is made of.
pub(super) fn minds(
    class: Option<&str>,
    kind: EstimatorKind,
    is_made_of_others: bool,
    arguments: &Arguments<'_>,
) -> bool {
    let Some(class) = class else { return true };
    match kind {
        EstimatorKind::Pipeline | EstimatorKind::Search => !is_made_of_others,
        EstimatorKind::Learner => lesson(Some(class)) == Lesson::More,
        EstimatorKind::Stateless => !INDIFFERENT_STEPS.contains(&class),
        EstimatorKind::Classifier | EstimatorKind::Regressor if WRAPPERS.contains(&class) => {
            !is_made_of_others
        }
        EstimatorKind::Classifier | EstimatorKind::Regressor => {
            let given = |name: &&str| arguments.keyword_expression(name).is_some();
            let plain = INDIFFERENT.contains(&class) && !PENALTIES.iter().any(given);
            let bare = class == "LogisticRegression" && is_without_penalty(arguments);
            !(plain || bare)
        }
        _ => true,
    }
}

fn is_without_penalty(arguments: &Arguments<'_>) -> bool {
    match arguments.keyword_expression("penalty") {
        Some(Expr::NoneLiteral(_)) => true,
        Some(Expr::StringLiteral(ast::ExprStringLiteral { value, .. })) => value.to_str() == "none",
        _ => false,
    }
}
