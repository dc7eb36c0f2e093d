import { CfnBudget } from 'aws-cdk-lib/aws-budgets';
import type { ITopic } from 'aws-cdk-lib/aws-sns';
import { Construct } from 'constructs';
import type { Settings } from '../settings.ts';

interface BudgetProps {
  readonly topic: ITopic;
  readonly settings: Pick<Settings, 'name' | 'monthlyBudgetUsd' | 'budgetScope'>;
}

/** Warns of the month's bill, as AWS counts it; a run's own limit is `budget` of its run file. */
export class Budget extends Construct {
  constructor(scope: Construct, id: string, { topic, settings }: BudgetProps) {
    super(scope, id);
    const { name, monthlyBudgetUsd, budgetScope } = settings;
    const warning = (notificationType: 'ACTUAL' | 'FORECASTED', threshold: number) => ({
      notification: { notificationType, threshold, thresholdType: 'PERCENTAGE', comparisonOperator: 'GREATER_THAN' },
      subscribers: [{ subscriptionType: 'SNS', address: topic.topicArn }],
    });
    const budget = new CfnBudget(this, 'Monthly', {
      budget: {
        budgetType: 'COST',
        timeUnit: 'MONTHLY',
        budgetLimit: { amount: monthlyBudgetUsd, unit: 'USD' },
        ...(budgetScope === 'tag' ? { costFilters: { TagKeyValue: [`user:tempbalance$${name}`] } } : {}),
      },
      notificationsWithSubscribers: [warning('ACTUAL', 80), warning('ACTUAL', 100), warning('FORECASTED', 100)],
    });
    // Budgets tests the topic when it is told of it, so the topic's policy must be there.
    budget.node.addDependency(topic);
  }
}
